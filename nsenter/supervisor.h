#pragma once

#include <functional>

#include "base/error.h"

namespace nsdebug {

/// How a command ended, as waitpid(2) tells it.
using WaitStatus = int;

/// Called in the child: runs the command, or returns the exit code of the failure. `parent_pidfd`
/// is for DieWithParent().
using ChildMain = std::function<int(int parent_pidfd)>;

/// Forks, and stands for the command while it runs: every signal sent to us is sent on to it, when
/// it stops we stop, when we are continued it is continued, and when we die, SIGKILL included, it
/// dies. Returns how it ended. Needs a process with one thread; signals stay blocked afterwards.
Result<WaitStatus> Supervise(const ChildMain& child_main);

/// Called in the child after its last change of user, which would clear the request: SIGKILL when
/// the parent dies. Ends the process at once when the parent is dead already.
void DieWithParent(int parent_pidfd);

/// Ends our process as the command ended: same exit code, or killed by the same signal.
[[noreturn]] void ExitLike(WaitStatus status);

}  // namespace nsdebug
