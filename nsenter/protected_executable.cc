#include "nsenter/protected_executable.h"

#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <string>

#include "nsenter/view/mount.h"

namespace nsdebug {

namespace {

bool IsOnReadOnlyMount(const char* path) {
  struct statvfs info {};
  return ::statvfs(path, &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

Result<void> BindReadOnly(const std::string& path) {
  if (::unshare(CLONE_NEWNS) != 0) {
    if (errno == EPERM) {
      return Fail(Code::kPermissionDenied,
                  "create a mount namespace: operation not permitted (needs CAP_SYS_ADMIN)");
    }
    return FailErrno("create a mount namespace");
  }
  // Mounts that the node makes later still reach us, ours do not reach the node.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return FailErrno("cut the mount namespace off");
  }
  if (Result<void> bound = Bind(path, path, MOUNT_ATTR_RDONLY); !bound) return bound;
  if (!IsOnReadOnlyMount(path.c_str())) return Fail(Code::kInternal, "the bind is not read-only");
  return {};
}

}  // namespace

Result<void> ProtectExecutable(char* argv[]) {
  constexpr std::string_view kOperation = "protect ns-enter against the target";
  if (IsOnReadOnlyMount("/proc/self/exe")) return {};
  std::array<char, PATH_MAX> path{};
  if (::readlink("/proc/self/exe", path.data(), path.size() - 1) < 0) return FailErrno(kOperation);
  if (Result<void> bound = BindReadOnly(path.data()); !bound) {
    return Propagate(bound.error(), kOperation);
  }
  ::execv(path.data(), argv);
  return FailErrno(kOperation);
}

}  // namespace nsdebug
