#include "nsenter/create.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"
#include "nsenter/namespace.h"

namespace nsdebug {

namespace {

Result<void> WriteMap(int own_proc, const std::string& name, const std::string& text) {
  Result<UniqueFd> fd = Open(name, O_WRONLY, own_proc);
  if (!fd) return Propagate(fd.error(), "map user namespace");
  return WriteAll(fd->get(), text, name);
}

Result<void> MapRoot(uid_t uid, gid_t gid, int own_proc) {
  // A process that is not dumpable has its /proc files owned by root, out of reach of other users.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  // Without CAP_SETGID outside, the kernel takes a gid map only after setgroups is given up
  // (user_namespaces(7)).
  if (Result<void> denied = WriteMap(own_proc, "setgroups", "deny"); !denied) return denied;
  if (Result<void> mapped = WriteMap(own_proc, "uid_map", fmt::format("0 {} 1", uid)); !mapped) {
    return mapped;
  }
  return WriteMap(own_proc, "gid_map", fmt::format("0 {} 1", gid));
}

}  // namespace

Result<void> CreateNamespaces(int flags, int own_proc) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(flags) != 0) {
    const int error_number = errno;
    const std::string operation = fmt::format("create new {} namespace", NamespaceNames(flags));
    if (error_number == EPERM) {
      return Fail(Code::kPermissionDenied,
                  fmt::format("{}: {} (needs CAP_SYS_ADMIN, or 'user' in the list)", operation,
                              ErrnoText(error_number)));
    }
    return FailErrno(operation, error_number);
  }
  if ((flags & CLONE_NEWUSER) != 0) {
    if (Result<void> mapped = MapRoot(uid, gid, own_proc); !mapped) return mapped;
  }
  if ((flags & CLONE_NEWNS) != 0 &&
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return FailErrno("make the new mount namespace private");
  }
  return {};
}

Result<void> MountProc() {
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return FailErrno("mount proc of the PID namespace on /proc");
  }
  return {};
}

}  // namespace nsdebug
