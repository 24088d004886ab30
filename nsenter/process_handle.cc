#include "nsenter/process_handle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/io.h"
#include "base/process.h"
#include "base/text.h"

namespace nsdebug {

Result<UniqueFd> OpenPidText(std::string_view text) {
  const size_t colon = text.find(':');
  const auto pid = ParseNumber(text.substr(0, colon), INT32_MAX);
  if (!pid || *pid == 0) {
    return Fail(Code::kInvalidArgument,
                fmt::format("'{}' is not a process: write PID or PID:INODE", Printable(text)));
  }
  Result<UniqueFd> pidfd = OpenPidfd(static_cast<pid_t>(*pid));
  if (!pidfd) return Propagate(pidfd.error());
  if (colon != std::string_view::npos) {
    const auto wanted = ParseNumber(text.substr(colon + 1));
    if (!wanted) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("'{}' is not a pidfd inode", Printable(text.substr(colon + 1))));
    }
    Result<uint64_t> inode = PidfdInode(pidfd->get());
    if (!inode) return Propagate(inode.error());
    if (*inode != *wanted) {
      return Fail(Code::kAborted,
                  fmt::format("pid {} is another process now: its pidfd inode is {}, not {}", *pid,
                              *inode, *wanted));
    }
  }
  return pidfd;
}

ProcessHandle::ProcessHandle(pid_t pid, UniqueFd pidfd, UniqueFd proc)
    : pid_(pid), pidfd_(std::move(pidfd)), proc_(std::move(proc)) {}

Result<ProcessHandle> ProcessHandle::FromPidfd(UniqueFd pidfd) {
  Result<pid_t> pid = PidOf(pidfd.get());
  if (!pid) return Propagate(pid.error());
  Result<UniqueFd> proc = nsdebug::Open(fmt::format("/proc/{}", *pid), O_PATH | O_DIRECTORY);
  // Alive after the open: the number still was this process's, so the directory is its own.
  if (HasExited(pidfd.get())) {
    return Fail(Code::kAborted, fmt::format("process {} has exited", *pid));
  }
  if (!proc) {
    return Propagate(proc.error(), "is /proc the proc file system of this PID namespace?");
  }
  return ProcessHandle(*pid, std::move(pidfd), std::move(*proc));
}

Result<UniqueFd> ProcessHandle::Open(const std::string& name, int flags) const {
  UniqueFd fd(::openat(proc_.get(), name.c_str(), flags | O_CLOEXEC));
  if (fd.valid()) return fd;
  const int error_number = errno;
  const std::string operation = fmt::format("open /proc/{}/{}", pid_, name);
  if (error_number == ESRCH || HasExited(pidfd_.get())) {
    return Fail(Code::kAborted, fmt::format("{}: process {} has exited", operation, pid_));
  }
  if (error_number == EACCES || error_number == EPERM) {
    return Fail(Code::kPermissionDenied,
                fmt::format("{}: {} (needs CAP_SYS_PTRACE, or to be the same user)", operation,
                            ErrnoText(error_number)));
  }
  return FailErrno(operation, error_number);
}

Result<std::string> ProcessHandle::Read(const std::string& name) const {
  Result<UniqueFd> fd = Open(name, O_RDONLY);
  if (!fd) return Propagate(fd.error());
  return ReadAll(fd->get(), fmt::format("/proc/{}/{}", pid_, name));
}

Result<UniqueFd> ProcessHandle::OpenNamespace(const NamespaceType& type) const {
  return Open(fmt::format("ns/{}", type.name), O_RDONLY);
}

Result<UniqueFd> ProcessHandle::OpenSocketNetNamespace(int fd) const {
  UniqueFd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), fd, 0)));
  if (!socket.valid()) {
    return FailErrno(fmt::format("take descriptor {} of process {}", fd, pid_));
  }
  UniqueFd net(::ioctl(socket.get(), SIOCGSKNS));
  if (!net.valid()) {
    if (errno == ENOTTY || errno == EINVAL) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("descriptor {} of process {} is not a socket", fd, pid_));
    }
    return FailErrno(
        fmt::format("open the network namespace of descriptor {} of process {}", fd, pid_));
  }
  ::fcntl(net.get(), F_SETFD, FD_CLOEXEC);
  return net;
}

}  // namespace nsdebug
