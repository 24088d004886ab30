#include "nsenter/session/session_init.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <utility>

#include "base/io.h"
#include "base/message_socket.h"
#include "base/pipe.h"
#include "base/process.h"
#include "nsenter/capabilities.h"
#include "nsenter/process_title.h"
#include "nsenter/seccomp/seccomp_filter.h"
#include "nsenter/session/command.h"
#include "nsenter/session/pty.h"
#include "nsenter/session/report.h"
#include "nsenter/view/toolbox.h"

namespace nsdebug {

namespace {

// Asked of the kernel for the moment ns-enter dies. Not SIGKILL: the init must live to reap what
// the guard then kills. Nothing else sends this signal.
constexpr int kParentDied = SIGSTKFLT;

// How long ns-enter may take to make our cgroups.
constexpr int kGoTimeoutMs = 10'000;

class SessionInit {
 public:
  explicit SessionInit(const InitPlan& plan) : plan_(plan) {}

  [[noreturn]] void Run() {
    ::prctl(PR_SET_PDEATHSIG, kParentDied, 0, 0, 0);
    // Processes of the target see us from here on: see EnterTarget() in enter.cc, also for those
    // that this does not keep away.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (HasExited(plan_.parent_pidfd)) ::_exit(1);
    SetProcessTitle("ns-enter: init of a debug session");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (Result<void> entered = EnterView(); !entered) Fail(Step::kView, entered.error());
    Result<Supervisor> supervisor = Supervisor::Create(true);
    if (!supervisor) Fail(Step::kExec, supervisor.error());
    Result<Message> go = ReceiveMessage(plan_.go, kGoTimeoutMs);
    if (!go) Fail(Step::kCgroup, go.error());
    if (Result<void> joined = TakePlace(go->fds); !joined) Fail(Step::kCgroup, joined.error());
    // Not before: what the target has put at /dev/ptmx is opened under the rules for its devices.
    if (Result<void> opened = OpenTerminal(); !opened) Fail(Step::kTerminal, opened.error());
    const pid_t command = StartCommand();
    (void)SendMessage(plan_.report, EncodeEvent(SessionEvent::Started(command)));
    if (Result<void> disarmed = Disarm(supervisor->fd()); !disarmed) {
      ::kill(command, SIGKILL);
      Fail(Step::kExec, disarmed.error());
    }
    Reap(&*supervisor, command);
  }

 private:
  [[noreturn]] void Fail(Step step, const Error& error) {
    (void)SendMessage(plan_.report, EncodeEvent(SessionEvent::Failed({step, error, 1})));
    ::_exit(1);
  }

  Result<void> EnterView() {
    switch (plan_.spec.view) {
      case View::kToolbox:
        return BuildToolbox();
      case View::kContainer:
        if (::setns(plan_.process->pidfd(), CLONE_NEWNS) != 0) {
          return FailErrno(fmt::format("join mnt namespace of pid {}", plan_.process->pid()));
        }
        return {};
      case View::kHost:
        return {};
    }
    return {};
  }

  Result<void> BuildToolbox() {
    ToolboxView view;
    view.tools = ToolsRoot(plan_.spec);
    view.unrestricted = plan_.spec.profile->unrestricted;
    view.network_settings = ((plan_.spec.capabilities >> CAP_NET_ADMIN) & 1) != 0;
    if (plan_.process != nullptr) {
      view.pod_files = ReadPodFiles(*plan_.process);
      Result<UniqueFd> tree = CloneTargetTree(*plan_.process);
      if (!tree) return Propagate(tree.error());
      view.target_tree = std::move(*tree);
    }
    Result<ToolboxFacts> facts = EnterToolbox(view);
    if (!facts) return Propagate(facts.error());
    return {};
  }

  /// By ourselves, as only that is quick: see OpenCgroup().
  Result<void> TakePlace(const std::vector<UniqueFd>& besides) const {
    for (const CgroupMembership* cgroup : plan_.cgroups) {
      if (Result<void> joined = JoinCgroup(cgroup->tasks.get(), cgroup->path); !joined) {
        return Propagate(joined.error(), "join cgroup");
      }
    }
    for (const UniqueFd& tasks : besides) {
      if (Result<void> joined = JoinCgroup(tasks.get(), "tasks"); !joined) {
        return Propagate(joined.error(), "join the session's cgroup");
      }
    }
    return {};
  }

  Result<void> OpenTerminal() {
    if (!plan_.spec.tty) return {};
    // The view's own instance; in the container's file system the one its /dev/ptmx leads to.
    Result<Pty> pty = OpenPty(plan_.spec.view == View::kToolbox ? "/dev/pts/ptmx" : "/dev/ptmx");
    if (!pty) return Propagate(pty.error());
    SetTerminalSize(pty->master.get(), plan_.spec.rows, plan_.spec.columns);
    terminal_ = std::move(pty->slave);
    return SendMessage(plan_.report, EncodeEvent(SessionEvent::Of(SessionEvent::Kind::kTerminal)),
                       {pty->master.get()});
  }

  pid_t StartCommand() {
    Result<UniqueFd> own_pidfd = OpenPidfd(::getpid());
    if (!own_pidfd) Fail(Step::kExec, own_pidfd.error());
    Result<Pipe> armed = MakePipe("pipe");
    if (!armed) Fail(Step::kExec, armed.error());
    pid_t command = -1;
    const CgroupMembership* cgroup = plan_.command_cgroup;
    if (cgroup != nullptr && cgroup->directory.valid()) {
      command = ForkIntoCgroup(cgroup->directory.get());
      if (command >= 0) cgroup = nullptr;  // it is there
    }
    if (command < 0) command = ::fork();
    if (command < 0) Fail(Step::kExec, FailErrno("start the command").value());
    if (command > 0) {
      armed_ = std::move(armed->write_end);
      return command;
    }
    armed->write_end.Reset();
    const CommandPlan command_plan{plan_.spec,
                                   plan_.identity,
                                   plan_.proc.get(),
                                   plan_.cgroup_namespace.get(),
                                   plan_.user_namespace.get(),
                                   terminal_.get(),
                                   plan_.signals,
                                   armed->read_end.get(),
                                   own_pidfd->get(),
                                   plan_.report,
                                   cgroup == nullptr ? -1 : cgroup->tasks.get()};
    RunCommand(command_plan);
  }

  /// From here on the command may have us in its hands. Closing what is open, armed_ included,
  /// lets it begin.
  Result<void> Disarm(int signals_fd) {
    if (Result<void> applied = ApplySets(SetsFor(CapabilitySet{1} << CAP_KILL)); !applied) {
      return applied;
    }
    // In any view: a command that may trace would else have the init make a user namespace, with
    // every capability in it, that its own filter refuses it.
    if (Result<void> confined = ApplySeccompFilter(); !confined) return confined;
    if (::chdir("/") != 0) return FailErrno("disarm the session's init: chdir");
    // Standard streams too: the command's readers wait for the end of them.
    CloseAllBut({signals_fd, plan_.status});
    return {};
  }

  [[noreturn]] void Reap(Supervisor* supervisor, pid_t command) {
    supervisor->Watch(command, command);
    bool running = true;
    const WaitStatus status = supervisor->Wait([&](const signalfd_siginfo& info) {
      if (running && info.ssi_signo == kParentDied) ::kill(command, SIGKILL);
    });
    running = false;
    const CommandEnd end{status, supervisor->AllReaped() ? 1 : 0};
    (void)WriteAll(plan_.status, {reinterpret_cast<const char*>(&end), sizeof(end)}, "status");
    ::close(plan_.status);
    // Stay until all that the command left behind has been killed and reaped.
    while (!supervisor->AllReaped()) supervisor->WaitForEvent();
    ::_exit(0);
  }

  const InitPlan& plan_;
  UniqueFd terminal_;
  UniqueFd armed_;  ///< the command begins when Disarm() has closed it
};

}  // namespace

void RunSessionInit(const InitPlan& plan) { SessionInit(plan).Run(); }

}  // namespace nsdebug
