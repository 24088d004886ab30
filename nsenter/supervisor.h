#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include <functional>
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// How a process ended, as waitpid(2) tells it.
using WaitStatus = int;

/// Blocks all signals, to be read from a descriptor, and remembers what a command is to find: the
/// mask and the action of SIGCHLD that we were started with.
class SignalState {
 public:
  SignalState();
  /// In the child, before the command.
  void Restore() const;

 private:
  sigset_t inherited_mask_;
  struct sigaction inherited_child_action_ {};
};

/// Stands for a child process: every signal sent to us is sent on to it, when it stops we stop,
/// when we are continued it is continued. Signals must be blocked (SignalState). Single-threaded.
class Supervisor {
 public:
  /// `reap_all`: also reap orphans that we adopt as their subreaper.
  static Result<Supervisor> Create(bool reap_all);

  /// `command` is the number that the command has in its own PID namespace; with an init between
  /// us, the command is not the child itself.
  void Watch(pid_t child, pid_t command) {
    child_ = child;
    command_ = command;
  }

  /// Readable when there is something to handle.
  int fd() const { return signals_.get(); }

  /// Called with each signal from outside before it is sent on.
  using Observer = std::function<void(const signalfd_siginfo&)>;

  /// Handles what has arrived; the child's status once it has ended.
  std::optional<WaitStatus> Handle(const Observer& observer);

  /// Handles signals until the child has ended.
  WaitStatus Wait(const Observer& observer = {});

  /// Waits until there is something to handle, and handles it.
  std::optional<WaitStatus> WaitForEvent(const Observer& observer = {});

  /// Whether every child, adopted ones included, has ended and was reaped.
  bool AllReaped() const { return all_reaped_; }

 private:
  explicit Supervisor(bool reap_all) : reap_all_(reap_all) {}
  std::optional<WaitStatus> Reap();
  bool CommandHasIt(const signalfd_siginfo& info) const;

  bool reap_all_;
  bool all_reaped_ = false;
  pid_t child_ = -1;
  pid_t command_ = -1;
  UniqueFd signals_;
};

/// Called in the child: runs the command, or returns the exit code of the failure. `parent_pidfd`
/// is for DieWithParent().
using ChildMain = std::function<int(int parent_pidfd)>;

/// Forks a command and stands for it until it ends; when we die, SIGKILL included, it dies. Returns
/// how it ended.
Result<WaitStatus> Supervise(const ChildMain& child_main);

/// Called in the child after its last change of user, which would clear the request: SIGKILL when
/// the parent dies. Ends the process at once when the parent is dead already.
void DieWithParent(int parent_pidfd);

/// Ends our process as the command ended: same exit code, or killed by the same signal.
[[noreturn]] void ExitLike(WaitStatus status);

}  // namespace nsdebug
