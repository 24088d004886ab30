#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/namespace.h"

namespace nsdebug {

/// A pidfd for "PID" or "PID:INODE", where the inode is that of the pidfd (getino(1) of
/// util-linux): another inode means another process, kAborted.
Result<UniqueFd> OpenPidText(std::string_view text);

/// A process to be entered, held by its pidfd and by an open /proc/PID. Both keep naming this very
/// process: once it is gone they fail, whoever gets its number next.
class ProcessHandle {
 public:
  /// From a pidfd that is already known to be the right one.
  static Result<ProcessHandle> FromPidfd(UniqueFd pidfd);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  /// The directory /proc/PID. Its owner is the effective user of the process.
  int proc() const { return proc_.get(); }

  /// Opens /proc/PID/NAME of this process.
  Result<UniqueFd> Open(const std::string& name, int flags) const;
  Result<std::string> Read(const std::string& name) const;
  Result<UniqueFd> OpenNamespace(const NamespaceType& type) const;
  /// The network namespace of the process's socket `fd` (pidfd_getfd(2), SIOCGSKNS; Linux 5.6).
  Result<UniqueFd> OpenSocketNetNamespace(int fd) const;

 private:
  ProcessHandle(pid_t pid, UniqueFd pidfd, UniqueFd proc);

  pid_t pid_;
  UniqueFd pidfd_;
  UniqueFd proc_;
};

}  // namespace nsdebug
