#include "nsenter/view/mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace nsdebug {

namespace {

Failure MountFailure(const std::string& operation, int error_number) {
  if (error_number == EACCES) {
    // The kernel itself says EPERM; EACCES on a mount comes from a security module.
    return Fail(Code::kPermissionDenied,
                operation +
                    ": permission denied: an AppArmor or SELinux policy refuses mounts (in a "
                    "pod set securityContext.appArmorProfile.type: Unconfined)");
  }
  if (error_number == EPERM) {
    return Fail(Code::kPermissionDenied,
                operation +
                    ": operation not permitted (needs CAP_SYS_ADMIN, and a seccomp profile "
                    "that lets it mount)");
  }
  return FailErrno(operation, error_number);
}

}  // namespace

Result<void> Mount(const std::string& source, const std::string& target, const char* type,
                   unsigned long flags, const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type, flags, data.c_str()) == 0) return {};
  const int error_number = errno;
  return MountFailure(fmt::format("mount {} on {}", type, target), error_number);
}

Result<void> MountOnNew(const std::string& source, const std::string& target, const char* type,
                        unsigned long flags, const std::string& data) {
  if (Result<void> made = MakeDirectory(target); !made) return made;
  return Mount(source, target, type, flags, data);
}

Result<void> Bind(const std::string& source, const std::string& target, uint64_t attributes) {
  const std::string operation = fmt::format("bind {} on {}", source, target);
  UniqueFd tree(::open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.valid()) return MountFailure(operation, errno);
  mount_attr set{};
  set.attr_set = attributes;
  set.propagation = MS_PRIVATE;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &set, sizeof(set)) != 0) {
    return MountFailure(operation, errno);
  }
  if (::move_mount(tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return MountFailure(operation, errno);
  }
  return {};
}

Result<void> MountTmpfs(const std::string& target, unsigned long flags, int mode, int megabytes) {
  return MountOnNew(
      "tmpfs", target, "tmpfs", flags,
      fmt::format("mode={:o},size={}m,nr_inodes={}", mode, megabytes, megabytes * 256));
}

Result<void> MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  const int error_number = errno;
  struct stat info {};
  if (error_number == EEXIST && ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return {};
  }
  return FailErrno("make directory " + path, error_number);
}

Result<void> MakeMountsPrivate() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return {};
  return MountFailure("make the mounts of the new mount namespace private", errno);
}

}  // namespace nsdebug
