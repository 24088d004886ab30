#include "nsenter/session/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/message_socket.h"
#include "nsenter/report.h"
#include "nsenter/session/report.h"
#include "nsenter/session/session_init.h"
#include "nsenter/session/session_setup.h"
#include "nsenter/session/terminal.h"

namespace nsdebug {

namespace {

/// ns-enter while a session runs: sets it up, stands for its command, ends it.
class Session {
 public:
  Session(const SessionSpec& spec, Target* target, const SessionLinks& links,
          const NodeFacts& facts)
      : spec_(spec),
        links_(links),
        setup_(spec, target, links, facts),
        session_(setup_.session()) {}

  int Run() {
    if (Result<void> started = setup_.Run(); !started) {
      End();
      ReportFailure({setup_.step(), started.error(), 1});
      ReapGuard();
      return 1;
    }
    return StandForCommand();
  }

 private:
  // --- while the command runs

  int StandForCommand() {
    Result<Supervisor> supervisor = Supervisor::Create(false);
    if (!supervisor) {
      End();
      ReportFailure({setup_.step(), supervisor.error(), 1});
      ReapGuard();
      return 1;
    }
    supervisor->Watch(session_.init, session_.init);
    while (!ended_) Turn(&*supervisor);
    if (relay_) relay_->Drain();
    relay_.reset();
    raw_.reset();
    // What the guard said may have come with the end itself.
    const std::string cause = cause_.empty() ? session_.guard->TakeCause() : cause_;
    // What is left to end then is the session's init and its cgroups: nobody's to wait for.
    const bool tells_first = is_alone_ && cause.empty() && !failure_;
    if (tells_first) Tell(SessionEvent::Ended(wait_status_, "exit"));
    End();
    if (failure_) {
      ReportFailure(*failure_);
    } else if (!tells_first) {
      Tell(SessionEvent::Ended(wait_status_, cause.empty() ? "exit" : cause));
    }
    ReapGuard();
    if (failure_) return failure_->exit_code;
    if (cause == Guard::kDeadline) {
      if (links_.plan_socket < 0)
        ReportError(fmt::format("the session's time of {} s is over",
                                static_cast<double>(spec_.deadline.count()) / 1000));
      return kExitDeadline;
    }
    ExitLike(wait_status_);
  }

  /// Waits for whatever comes next and deals with it.
  void Turn(Supervisor* supervisor) {
    std::vector<pollfd> watched = {{supervisor->fd(), POLLIN, 0},
                                   {session_.status.get(), POLLIN, 0},
                                   {session_.report.get(), POLLIN, 0},
                                   {session_.guard->fd(), POLLIN, 0},
                                   {grace_.get(), POLLIN, 0}};
    if (relay_) relay_->AddTo(&watched);
    if (::poll(watched.data(), watched.size(), -1) < 0) return;
    // What the session tells comes before how it ended.
    if (watched[2].revents != 0) TakeReport(supervisor);
    if (relay_) relay_->Handle(watched);
    if (watched[1].revents != 0) TakeStatus(supervisor);
    if (watched[3].revents != 0) GuardSpoke();
    if (watched[4].revents != 0) ended_ = true;
    if (watched[0].revents != 0) {
      std::optional<WaitStatus> status =
          supervisor->Handle([this](const signalfd_siginfo& info) { Observe(info); });
      if (status) InitEnded(supervisor, *status);
    }
  }

  void TakeReport(Supervisor* supervisor) {
    Result<Message> message = ReceiveMessage(session_.report.get(), 0);
    if (!message) {
      // Closed by the exec, unless it failed.
      session_.report.Reset();
      if (failure_) return;
      if (started_) return Tell(SessionEvent::Of(SessionEvent::Kind::kExecuted));
      // Nor is it a failure of its own when the guard is ending the session.
      if (cause_.empty()) failure_ = InitGone();
      return;
    }
    Result<SessionEvent> event = DecodeEvent(message->bytes);
    if (!event) {
      failure_ = SetupFailure{Step::kExec, event.error(), 1};
    } else if (event->kind == SessionEvent::Kind::kTerminal && message->fds.size() == 1) {
      TakeTerminal(std::move(message->fds[0]));
    } else if (event->kind == SessionEvent::Kind::kStarted) {
      started_ = true;
      supervisor->Watch(session_.init, event->command);
    } else if (event->kind == SessionEvent::Kind::kFailed) {
      failure_ = event->failure;
    }
  }

  static SetupFailure InitGone() {
    return {Step::kExec,
            {Code::kAborted, "the session's init was killed before the command started", 0},
            1};
  }

  /// Tells the agent, where there is one.
  void Tell(const SessionEvent& event, const std::vector<int>& fds = {}) const {
    if (links_.plan_socket >= 0) (void)SendMessage(links_.plan_socket, EncodeEvent(event), fds);
  }

  bool RelaysTerminal() const { return spec_.tty && links_.plan_socket < 0; }

  void TakeTerminal(UniqueFd master) {
    if (!RelaysTerminal()) {
      Tell(SessionEvent::Of(SessionEvent::Kind::kTerminal), {master.get()});
      return;
    }
    raw_ = std::make_unique<RawTerminal>(STDIN_FILENO);
    relay_ = std::make_unique<TerminalRelay>(std::move(master));
  }

  void TakeStatus(Supervisor* supervisor) {
    ReadStatus();
    // Without a status the init was killed: its own end, which is about to be reported, counts.
    if (wait_status_ == kNoStatus) return;
    TakeLastReports(supervisor);
    ended_ = true;
  }

  void ReadStatus() {
    CommandEnd end{};
    if (::read(session_.status.get(), &end, sizeof(end)) == sizeof(end)) {
      wait_status_ = end.status;
      is_alone_ = end.is_alone == 1;
    }
    session_.status.Reset();
  }

  /// Command and init have ended or let go of the report: all of it is there, and its end.
  void TakeLastReports(Supervisor* supervisor) {
    while (session_.report.valid()) TakeReport(supervisor);
  }

  void InitEnded(Supervisor* supervisor, WaitStatus status) {
    init_reaped_ = true;
    // It writes the command's status before it ends.
    if (wait_status_ == kNoStatus && session_.status.valid()) ReadStatus();
    if (wait_status_ == kNoStatus) wait_status_ = status;
    TakeLastReports(supervisor);
    ended_ = true;
  }

  void GuardSpoke() {
    if (cause_ == Guard::kDeadline) return EndedByGuard();
    cause_ = session_.guard->TakeCause();
    if (cause_ == Guard::kDeadline) {
      // The guard waits a moment before it kills.
      ::kill(session_.init, SIGTERM);
      return;
    }
    EndedByGuard();
  }

  void EndedByGuard() {
    ended_ = true;
    if (wait_status_ == kNoStatus) wait_status_ = SIGKILL;
  }

  void Observe(const signalfd_siginfo& info) {
    if (info.ssi_signo == SIGWINCH && relay_) relay_->UpdateSize();
    const bool ends = info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP;
    if (!ends || grace_.valid()) return;
    grace_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    itimerspec when{};
    when.it_value.tv_nsec = kGraceMs * 1'000'000L;
    ::timerfd_settime(grace_.get(), 0, &when, nullptr);
    if (wait_status_ == kNoStatus) grace_signal_ = static_cast<int>(info.ssi_signo);
  }

  // --- the end, once and whole

  void End() {
    if (!session_.guard) return;
    if (!EndProcesses()) {
      ReportError(
          "some of the session's processes or cgroups may be left: they did not end in "
          "time; look for them in the target");
    }
    if (session_.init > 0 && !init_reaped_) {
      int status = 0;
      while (::waitpid(session_.init, &status, 0) < 0 && errno == EINTR) {
      }
    }
    // What the command had reported last, it may have reported while we were ending it.
    if (wait_status_ == kNoStatus && session_.status.valid()) ReadStatus();
    if (wait_status_ == kNoStatus) wait_status_ = grace_signal_ != 0 ? grace_signal_ : SIGKILL;
  }

  /// By ourselves, as to wake the guard and to wait for it takes longer than what is to do. Until
  /// it is done the guard stands by for us.
  bool EndProcesses() {
    if (cause_.empty()) return EndSession(session_.cgroup, session_.init_pidfd.get());
    // A guard that was killed leaves its work to us, and one that ended early what came after.
    const Guard::Outcome outcome = session_.guard->Finish();
    session_.guard.reset();
    if (outcome != Guard::Outcome::kNotEnded) return outcome == Guard::Outcome::kEnded;
    return EndSession(session_.cgroup, session_.init_pidfd.get());
  }

  /// Nobody has to wait for it but us.
  void ReapGuard() {
    if (!session_.guard) return;
    session_.guard->Dismiss();
    (void)session_.guard->Finish();
    session_.guard.reset();
  }

  void ReportFailure(const SetupFailure& failure) const {
    Tell(SessionEvent::Failed(failure));
    if (links_.plan_socket < 0) ReportError(failure.error.message);
  }

  // No process ends with this.
  static constexpr WaitStatus kNoStatus = -1;

  const SessionSpec& spec_;
  SessionLinks links_;
  SessionSetup setup_;
  RunningSession& session_;

  bool started_ = false;
  bool init_reaped_ = false;
  UniqueFd grace_;
  int grace_signal_ = 0;
  std::unique_ptr<RawTerminal> raw_;
  std::unique_ptr<TerminalRelay> relay_;
  std::optional<SetupFailure> failure_;
  std::string cause_;
  WaitStatus wait_status_ = kNoStatus;
  bool is_alone_ = false;  ///< the command has left nothing behind
  bool ended_ = false;
};

}  // namespace

int RunSession(const SessionSpec& spec, Target* target, const SessionLinks& links,
               const NodeFacts& facts) {
  if (Result<void> checked = CheckSpec(spec); !checked) {
    return ReportSetupFailure(checked.error());
  }
  return Session(spec, target, links, facts).Run();
}

}  // namespace nsdebug
