#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// pidfd_open(2) (Linux 5.3). A pidfd keeps naming this process when its number is reused. A zombie
/// still has one: ask HasExited.
Result<UniqueFd> OpenPidfd(pid_t pid);

/// Whether the process of the pidfd has exited, zombies included. Never blocks.
bool HasExited(int pidfd);

/// pidfd_send_signal(2) (Linux 5.1).
Result<void> SendSignal(int pidfd, int signal_number);

/// "SIGKILL"; "signal 34" for those that have no name.
std::string SignalName(int signal_number);

/// The inode of the pidfd, unique for the life of the system where pidfds have their own file
/// system (Linux 6.9): what `PID:INODE` names. kUnimplemented on older kernels.
Result<uint64_t> PidfdInode(int pidfd);

/// The pid of the pidfd in our PID namespace, from /proc/self/fdinfo; kAborted when it has exited.
Result<pid_t> PidOf(int pidfd);

}  // namespace nsdebug
