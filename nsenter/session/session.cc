#include "nsenter/session/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/io.h"
#include "base/message_socket.h"
#include "base/process.h"
#include "base/text.h"
#include "nsenter/join.h"
#include "nsenter/report.h"
#include "nsenter/session/guard.h"
#include "nsenter/session/identity.h"
#include "nsenter/session/report.h"
#include "nsenter/session/session_init.h"
#include "nsenter/session/terminal.h"

namespace nsdebug {

namespace {

// SIGTERM and SIGHUP end a session: the command has this long to end by itself.
constexpr long kGraceMs = 500;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return FailErrno("pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

bool SameNamespace(const std::string& own, const ProcessHandle& process, const char* other) {
  struct stat one {};
  struct stat two {};
  return ::stat(own.c_str(), &one) == 0 && ::fstatat(process.proc(), other, &two, 0) == 0 &&
         one.st_ino == two.st_ino && one.st_dev == two.st_dev;
}

/// ns-enter while a session runs: sets it up, stands for its command, ends it.
class Session {
 public:
  Session(const SessionSpec& spec, Target* target, const SessionLinks& links)
      : spec_(spec), target_(target), links_(links) {}

  int Run() {
    Result<void> started = Start();
    if (!started) {
      ReportFailure({step_, started.error(), 1});
      End();
      return 1;
    }
    return StandForCommand();
  }

 private:
  // --- before anything of the target is entered: privileged, in our own namespaces

  Result<void> Start() {
    for (auto stage :
         {&Session::OpenTarget, &Session::PrepareIdentity, &Session::PlanCgroup,
          &Session::StartGuard, &Session::JoinTarget, &Session::StartInit, &Session::PlaceInit}) {
      if (Result<void> done = (this->*stage)(); !done) return done;
    }
    return {};
  }

  Result<void> OpenTarget() {
    step_ = Step::kResolve;
    if (!target_->pidfd.valid()) {
      if (spec_.view == View::kToolbox && !target_->namespaces.empty()) return {};
      return Fail(Code::kFailedPrecondition,
                  fmt::format("the {} view needs a process of the target", ViewName(spec_.view)));
    }
    Result<ProcessHandle> process = ProcessHandle::FromPidfd(std::move(target_->pidfd));
    if (!process) return Propagate(process.error());
    process_ = std::move(*process);
    if (SameNamespace("/proc/self/ns/user", *process_, "ns/user")) return {};
    Result<UniqueFd> user = process_->Open("ns/user", O_RDONLY);
    if (!user) return Propagate(user.error());
    user_namespace_ = std::move(*user);
    return {};
  }

  Result<void> PrepareIdentity() {
    step_ = Step::kIdentity;
    if (spec_.view != View::kContainer) return {};
    Result<Identity> identity = ContainerIdentity(*process_, target_->process_spec);
    if (!identity) return Propagate(identity.error());
    identity_ = std::move(*identity);
    return {};
  }

  Result<void> PlanCgroup() {
    step_ = Step::kCgroup;
    if (spec_.join_target_cgroup || spec_.view == View::kContainer) {
      // As the runtime's exec does it: the container's own limits hold.
      Result<std::vector<CgroupMembership>> cgroups = OpenCgroups(*process_);
      if (!cgroups) return Propagate(cgroups.error());
      target_cgroups_ = std::move(*cgroups);
      return {};
    }
    if (spec_.cgroup_parent.empty()) return {};
    Result<std::string> mountinfo = ReadFile("/proc/self/mountinfo");
    if (!mountinfo) return Propagate(mountinfo.error());
    const std::vector<CgroupMount> mounts = ParseCgroupMounts(*mountinfo);
    Result<std::string> name = SessionName();
    if (!name) return Propagate(name.error());
    Result<SessionCgroup> cgroup = SessionCgroup::Plan(mounts, spec_.cgroup_parent, *name);
    if (!cgroup) return Propagate(cgroup.error());
    cgroup_ = std::move(*cgroup);
    return {};
  }

  Result<void> StartGuard() {
    signals_ = std::make_unique<SignalState>();
    GuardWatch watch;
    watch.cgroup = std::move(cgroup_);
    if (watch.cgroup) watch.cgroup_parent = spec_.cgroup_parent;
    watch.starter_fd = links_.starter_fd;
    watch.deadline = spec_.deadline;
    watch.terminal_fd = RelaysTerminal() && ::isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1;
    Result<Guard> guard = Guard::Start(watch);
    cgroup_ = std::move(watch.cgroup);
    if (!guard) return Propagate(guard.error());
    guard_ = std::move(*guard);
    return {};
  }

  /// The mount namespace is the view's business, the user namespace the command's.
  Result<void> JoinTarget() {
    step_ = Step::kJoin;
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    std::vector<NamespaceJoin> joins;
    for (const NamespaceType& type : kNamespaceTypes) {
      if (type.flag == CLONE_NEWUSER || type.flag == CLONE_NEWNS) continue;
      if ((spec_.namespaces & type.flag) == 0) continue;
      if (process_) {
        if (::access(fmt::format("/proc/self/ns/{}", type.name).c_str(), F_OK) != 0) continue;
        joins.push_back({&type, UniqueFd(), fmt::format("pid {}", process_->pid())});
        continue;
      }
      for (NamespaceHandle& handle : target_->namespaces) {
        if (handle.kind == type.name) joins.push_back({&type, std::move(handle.fd), handle.path});
      }
    }
    return JoinNamespaces(joins, process_ ? &*process_ : nullptr);
  }

  Result<void> StartInit() {
    step_ = Step::kExec;
    Result<MessageSocketPair> go = MakeMessageSocketPair();
    if (!go) return Propagate(go.error());
    Result<MessageSocketPair> report = MakeMessageSocketPair();
    if (!report) return Propagate(report.error());
    Result<Pipe> status = MakePipe();
    if (!status) return Propagate(status.error());
    Result<UniqueFd> own_pidfd = OpenPidfd(::getpid());
    if (!own_pidfd) return Propagate(own_pidfd.error());

    init_ = ::fork();
    if (init_ < 0) {
      if (errno == ENOMEM) {
        return Fail(Code::kAborted,
                    "fork: the target's PID namespace has ended, or no memory is left");
      }
      return FailErrno("fork");
    }
    if (init_ == 0) {
      // Closed here, so that the end of ours ends it.
      go->first.Reset();
      report->first.Reset();
      status->read.Reset();
      RunSessionInit({spec_, process_ ? &*process_ : nullptr, std::move(identity_),
                      std::move(user_namespace_), *signals_, own_pidfd->get(), go->second.get(),
                      report->second.get(), status->write.get()});
    }
    report_ = std::move(report->first);
    status_ = std::move(status->read);
    go_ = std::move(go->first);
    Result<UniqueFd> init_pidfd = OpenPidfd(init_);
    if (!init_pidfd) return Propagate(init_pidfd.error());
    init_pidfd_ = std::move(*init_pidfd);
    return {};
  }

  /// While the init builds its view: makes the cgroups and moves it in. Moving a process between
  /// cgroups waits for the whole system (an RCU grace period). The command starts only after it.
  Result<void> PlaceInit() {
    step_ = Step::kCgroup;
    if (Result<void> told = guard_->WatchInit(init_pidfd_.get()); !told) {
      return Propagate(told.error(), "tell the session's guard");
    }
    std::vector<int> fds;
    if (cgroup_) {
      if (Result<void> made = cgroup_->Create(spec_.limits, spec_.profile->unrestricted); !made) {
        return made;
      }
      if (Result<void> added = cgroup_->AddInit(init_); !added) return added;
      fds = cgroup_->CommandFds();
    }
    for (const CgroupMembership& cgroup : target_cgroups_) {
      if (Result<void> written = WriteAll(cgroup.procs.get(), std::to_string(init_), cgroup.path);
          !written) {
        return Propagate(written.error(), "join the container's cgroup");
      }
    }
    Result<void> sent = SendMessage(go_.get(), "go", fds);
    // Closed: the init has failed, and its report says why.
    return sent || sent.error().error_number == EPIPE ? Result<void>() : sent;
  }

  // --- while the command runs

  int StandForCommand() {
    Result<Supervisor> supervisor = Supervisor::Create(false);
    if (!supervisor) {
      ReportFailure({step_, supervisor.error(), 1});
      End();
      return 1;
    }
    supervisor->Watch(init_, init_);
    while (!ended_) Turn(&*supervisor);
    if (relay_) relay_->Drain();
    relay_.reset();
    raw_.reset();
    const std::string cause = cause_;
    End();
    if (failure_) {
      ReportFailure(*failure_);
      return failure_->exit_code;
    }
    Tell(SessionEvent::Ended(wait_status_, cause.empty() ? "exit" : cause));
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
                                   {status_.get(), POLLIN, 0},
                                   {report_.get(), POLLIN, 0},
                                   {guard_->fd(), POLLIN, 0},
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
    Result<Message> message = ReceiveMessage(report_.get(), 0);
    if (!message) {
      // Closed by the exec, unless it failed.
      report_.Reset();
      if (!failure_) Tell(SessionEvent::Of(SessionEvent::Kind::kExecuted));
      return;
    }
    Result<SessionEvent> event = DecodeEvent(message->bytes);
    if (!event) {
      failure_ = SetupFailure{Step::kExec, event.error(), 1};
    } else if (event->kind == SessionEvent::Kind::kTerminal && message->fds.size() == 1) {
      TakeTerminal(std::move(message->fds[0]));
    } else if (event->kind == SessionEvent::Kind::kStarted) {
      supervisor->Watch(init_, event->command);
    } else if (event->kind == SessionEvent::Kind::kFailed) {
      failure_ = event->failure;
    }
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
    WaitStatus status = 0;
    if (::read(status_.get(), &status, sizeof(status)) == sizeof(status)) wait_status_ = status;
    status_.Reset();
  }

  /// Command and init have ended or let go of the report: all of it is there, and its end.
  void TakeLastReports(Supervisor* supervisor) {
    while (report_.valid()) TakeReport(supervisor);
  }

  void InitEnded(Supervisor* supervisor, WaitStatus status) {
    init_reaped_ = true;
    if (wait_status_ == kNoStatus) wait_status_ = status;
    TakeLastReports(supervisor);
    ended_ = true;
  }

  void GuardSpoke() {
    cause_ = guard_->TakeCause();
    ended_ = true;
    if (wait_status_ == kNoStatus) wait_status_ = SIGKILL;
  }

  void Observe(const signalfd_siginfo& info) {
    if (info.ssi_signo == SIGWINCH && relay_) relay_->UpdateSize();
    const bool ends = info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP;
    if (!ends || grace_.valid()) return;
    grace_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    itimerspec when{};
    when.it_value.tv_nsec = kGraceMs * 1'000'000;
    ::timerfd_settime(grace_.get(), 0, &when, nullptr);
    if (wait_status_ == kNoStatus) grace_signal_ = static_cast<int>(info.ssi_signo);
  }

  // --- the end, once and whole

  void End() {
    if (!guard_) return;
    // A guard that was killed leaves its work to us.
    if (!guard_->Finish()) EndSession(cgroup_, init_pidfd_.get());
    guard_.reset();
    if (init_ > 0 && !init_reaped_) {
      int status = 0;
      while (::waitpid(init_, &status, 0) < 0 && errno == EINTR) {
      }
    }
    // What the command had reported last, it may have reported while we were ending it.
    if (wait_status_ == kNoStatus && status_.valid()) ReadStatus();
    if (wait_status_ == kNoStatus) wait_status_ = grace_signal_ != 0 ? grace_signal_ : SIGKILL;
  }

  void ReportFailure(const SetupFailure& failure) const {
    Tell(SessionEvent::Failed(failure));
    if (links_.plan_socket < 0) ReportError(failure.error.message);
  }

  // No process ends with this.
  static constexpr WaitStatus kNoStatus = -1;

  const SessionSpec& spec_;
  Target* target_;
  SessionLinks links_;
  Step step_ = Step::kPlan;

  std::optional<ProcessHandle> process_;
  UniqueFd user_namespace_;
  std::optional<Identity> identity_;
  std::optional<SessionCgroup> cgroup_;
  std::vector<CgroupMembership> target_cgroups_;
  std::unique_ptr<SignalState> signals_;
  std::optional<Guard> guard_;

  pid_t init_ = -1;
  bool init_reaped_ = false;
  UniqueFd init_pidfd_;
  UniqueFd go_;
  UniqueFd report_;
  UniqueFd status_;
  UniqueFd grace_;
  int grace_signal_ = 0;
  std::unique_ptr<RawTerminal> raw_;
  std::unique_ptr<TerminalRelay> relay_;
  std::optional<SetupFailure> failure_;
  std::string cause_;
  WaitStatus wait_status_ = kNoStatus;
  bool ended_ = false;
};

}  // namespace

int RunSession(const SessionSpec& spec, Target* target, const SessionLinks& links) {
  if (Result<void> checked = CheckSpec(spec); !checked) {
    return ReportSetupFailure(checked.error());
  }
  return Session(spec, target, links).Run();
}

}  // namespace nsdebug
