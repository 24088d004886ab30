#include "base/process.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

// linux/magic.h of Debian 12 does not have it yet (Linux 6.9).
constexpr long kPidfsMagic = 0x50494446;

}  // namespace

Result<UniqueFd> OpenPidfd(pid_t pid) {
  // The wrappers of glibc 2.36 lack extern "C", so the number it is.
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd.valid()) return fd;
  if (errno == ESRCH) return Fail(Code::kNotFound, "no process with pid " + std::to_string(pid));
  return FailErrno("pidfd_open " + std::to_string(pid));
}

std::string SignalName(int signal_number) {
  const char* abbreviation = ::sigabbrev_np(signal_number);
  if (abbreviation == nullptr) return "signal " + std::to_string(signal_number);
  return std::string("SIG") + abbreviation;
}

bool HasExited(int pidfd) {
  pollfd poll_fd{pidfd, POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&poll_fd, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

Result<void> SendSignal(int pidfd, int signal_number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal_number, nullptr, 0) == 0) return {};
  return FailErrno("send signal " + std::to_string(signal_number));
}

Result<uint64_t> PidfdInode(int pidfd) {
  struct statfs file_system {};
  if (::fstatfs(pidfd, &file_system) != 0) return FailErrno("statfs pidfd");
  if (file_system.f_type != kPidfsMagic) {
    return Fail(Code::kUnimplemented,
                "this kernel's pidfds have no inode of their own (needs Linux 6.9)");
  }
  struct stat info {};
  if (::fstat(pidfd, &info) != 0) return FailErrno("stat pidfd");
  return info.st_ino;
}

Result<pid_t> PidOf(int pidfd) {
  Result<std::string> text = ReadFile("/proc/self/fdinfo/" + std::to_string(pidfd));
  if (!text) return Propagate(text.error());
  for (std::string_view line : Split(*text, '\n')) {
    if (line.substr(0, 5) != "Pid:\t") continue;
    auto pid = ParseNumber(line.substr(5), INT32_MAX);
    if (pid && *pid > 0) return static_cast<pid_t>(*pid);
    return Fail(Code::kAborted, "the process has exited or is outside our PID namespace");
  }
  return Fail(Code::kInvalidArgument, "descriptor " + std::to_string(pidfd) + " is not a pidfd");
}

}  // namespace nsdebug
