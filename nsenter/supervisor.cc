#include "nsenter/supervisor.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/process.h"

namespace nsdebug {

namespace {

// Sent by the terminal's line discipline to the whole foreground process group: the command, which
// is in our group, has had its own.
constexpr std::array kTerminalSignals = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH};

bool CommandHasIt(int signal_number, const siginfo_t& info, pid_t command) {
  const bool from_kernel = info.si_code > 0;
  if (from_kernel) {
    return std::find(kTerminalSignals.begin(), kTerminalSignals.end(), signal_number) !=
           kTerminalSignals.end();
  }
  // A command that signals its own process group must not get it back, or it could go round
  // forever.
  return info.si_pid == command;
}

/// Stops us as the command was stopped, so that a shell's job control sees it; on continuing,
/// continues the command.
void StopLikeCommand(pid_t command) {
  ::kill(::getpid(), SIGSTOP);
  ::kill(command, SIGCONT);
}

WaitStatus WaitForCommand(pid_t command, const sigset_t& all) {
  for (;;) {
    siginfo_t info{};
    const int signal_number = ::sigwaitinfo(&all, &info);
    if (signal_number < 0) continue;  // EINTR after SIGSTOP and SIGCONT
    if (signal_number != SIGCHLD) {
      if (!CommandHasIt(signal_number, info, command)) ::kill(command, signal_number);
      continue;
    }
    WaitStatus status = 0;
    while (::waitpid(command, &status, WNOHANG | WUNTRACED) == command) {
      if (!WIFSTOPPED(status)) return status;
      StopLikeCommand(command);
    }
  }
}

}  // namespace

Result<WaitStatus> Supervise(const ChildMain& child_main) {
  Result<UniqueFd> own_pidfd = OpenPidfd(::getpid());
  if (!own_pidfd) return Propagate(own_pidfd.error());
  // Blocked signals wait for sigwaitinfo(2), also those that arrive before it, and those that our
  // starter had us ignore.
  sigset_t all;
  sigset_t inherited;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &inherited);
  // An inherited "ignore" would reap the command behind our back and lose its status.
  struct sigaction default_action {};
  default_action.sa_handler = SIG_DFL;
  struct sigaction inherited_child_action {};
  ::sigaction(SIGCHLD, &default_action, &inherited_child_action);

  const pid_t command = ::fork();
  if (command < 0) {
    if (errno == ENOMEM) {
      // What the kernel answers when the init process of the PID namespace is gone.
      return Fail(Code::kAborted,
                  "fork: the target's PID namespace has ended, or no memory is left");
    }
    return FailErrno("fork");
  }
  if (command == 0) {
    ::sigaction(SIGCHLD, &inherited_child_action, nullptr);
    ::sigprocmask(SIG_SETMASK, &inherited, nullptr);
    ::_exit(child_main(own_pidfd->get()));
  }
  return WaitForCommand(command, all);
}

void DieWithParent(int parent_pidfd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // It may have died before the request; getppid() is 0 across PID namespaces and tells nothing.
  if (HasExited(parent_pidfd)) ::_exit(128 + SIGKILL);
}

void ExitLike(WaitStatus status) {
  if (WIFSIGNALED(status)) {
    const int signal_number = WTERMSIG(status);
    // The core, if any, is the command's; ours would only overwrite it.
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(signal_number, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal_number);
    ::kill(::getpid(), signal_number);
    ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
    ::_exit(128 + signal_number);
  }
  ::_exit(WEXITSTATUS(status));
}

}  // namespace nsdebug
