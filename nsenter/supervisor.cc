#include "nsenter/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/io.h"
#include "base/pipe.h"
#include "base/process.h"

namespace nsdebug {

namespace {

// Sent by the terminal's line discipline to the whole foreground process group: the command, which
// is in our group, has had its own.
constexpr std::array kTerminalSignals = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH};

/// Stops us as the command was stopped, so that a shell's job control sees it; on continuing,
/// continues the command.
void StopLikeCommand(pid_t command) {
  ::kill(::getpid(), SIGSTOP);
  ::kill(command, SIGCONT);
}

}  // namespace

SignalState::SignalState() {
  // Blocked signals wait to be read, also those that our starter had us ignore.
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &inherited_mask_);
  // An inherited "ignore" would reap children behind our back and lose their status.
  struct sigaction default_action {};
  default_action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &default_action, &inherited_child_action_);
}

void SignalState::Restore() const {
  ::sigaction(SIGCHLD, &inherited_child_action_, nullptr);
  ::sigprocmask(SIG_SETMASK, &inherited_mask_, nullptr);
}

Result<Supervisor> Supervisor::Create(bool reap_all) {
  Supervisor supervisor(reap_all);
  sigset_t all;
  ::sigfillset(&all);
  supervisor.signals_ = UniqueFd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!supervisor.signals_.valid()) return FailErrno("signalfd");
  return supervisor;
}

bool Supervisor::CommandHasIt(const signalfd_siginfo& info) const {
  const bool from_kernel = info.ssi_code > 0;
  if (from_kernel) {
    return std::find(kTerminalSignals.begin(), kTerminalSignals.end(),
                     static_cast<int>(info.ssi_signo)) != kTerminalSignals.end();
  }
  // A command that signals its own process group must not get it back, or it could go round
  // forever.
  const auto sender = static_cast<pid_t>(info.ssi_pid);
  if (sender == child_) return true;
  // Of a sender in a descendant PID namespace the kernel tells the number it has there. A process
  // of ours that happens to have that number gets the benefit of the doubt, or we would lose an
  // init's SIGTERM; kernel threads (group 0) send no signals.
  return sender == command_ && ::getpgid(sender) <= 0;
}

std::optional<WaitStatus> Supervisor::Handle(const Observer& observer) {
  std::optional<WaitStatus> ended;
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) {
      if (std::optional<WaitStatus> status = Reap()) ended = status;
      continue;
    }
    if (observer) observer(info);
    // Never kill(-1, ...): without a child there is nobody to send it to.
    if (child_ > 0 && !CommandHasIt(info)) {
      ::kill(child_, static_cast<int>(info.ssi_signo));
    }
  }
  return ended;
}

std::optional<WaitStatus> Supervisor::Reap() {
  std::optional<WaitStatus> ended;
  while (reap_all_ || child_ > 0) {
    WaitStatus status = 0;
    const pid_t pid = ::waitpid(reap_all_ ? -1 : child_, &status, WNOHANG | WUNTRACED);
    if (pid <= 0) {
      all_reaped_ = pid < 0 && errno == ECHILD;
      return ended;
    }
    if (pid != child_) continue;
    if (WIFSTOPPED(status)) {
      StopLikeCommand(child_);
    } else {
      ended = status;
      child_ = -1;  // its number may be another process's now
    }
  }
  return ended;
}

std::optional<WaitStatus> Supervisor::WaitForEvent(const Observer& observer) {
  pollfd ready{signals_.get(), POLLIN, 0};
  ::poll(&ready, 1, -1);
  return Handle(observer);
}

WaitStatus Supervisor::Wait(const Observer& observer) {
  for (;;) {
    if (std::optional<WaitStatus> status = WaitForEvent(observer)) return *status;
  }
}

Result<WaitStatus> Supervise(const ChildMain& child_main) {
  Result<UniqueFd> own_pidfd = OpenPidfd(::getpid());
  if (!own_pidfd) return Propagate(own_pidfd.error());
  const SignalState signals;
  Result<Supervisor> supervisor = Supervisor::Create(false);
  if (!supervisor) return Propagate(supervisor.error());
  Result<Pipe> pipe = MakePipe("pipe");
  if (!pipe) return Propagate(pipe.error());
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
    // Its number in the PID namespace that only it is in.
    const pid_t own = ::getpid();
    (void)WriteAll(pipe->write_end.get(), {reinterpret_cast<const char*>(&own), sizeof(own)},
                   "pipe");
    signals.Restore();
    ::_exit(child_main(own_pidfd->get()));
  }
  pipe->write_end.Reset();
  pid_t inner = command;
  // Killed before it could tell: then it sends no signals either.
  (void)!::read(pipe->read_end.get(), &inner, sizeof(inner));
  supervisor->Watch(command, inner);
  return supervisor->Wait();
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
