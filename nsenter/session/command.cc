#include "nsenter/session/command.h"

#include <fmt/format.h>
#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/io.h"
#include "base/message_socket.h"
#include "nsenter/capabilities.h"
#include "nsenter/cgroup.h"
#include "nsenter/program.h"
#include "nsenter/seccomp/seccomp_filter.h"
#include "nsenter/session/pty.h"
#include "nsenter/session/report.h"
#include "nsenter/session/working_directory.h"

namespace nsdebug {

namespace {

// The user of a profile that must not be root, where none is named: "nobody", who owns nothing.
constexpr uid_t kNobody = 65534;

constexpr const char* kToolboxPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Of our own environment, which may hold secrets of whoever started us, only this goes along.
constexpr std::array kKeptVariables = {"TERM", "LANG", "LC_ALL", "LC_CTYPE", "COLORTERM"};

class Command {
 public:
  explicit Command(const CommandPlan& plan) : plan_(plan) {}

  [[noreturn]] void Run() {
    struct Stage {
      Step step;
      Result<void> (Command::*run)();
    };
    for (const Stage& stage :
         {Stage{Step::kCgroup, &Command::EnterCgroup},
          Stage{Step::kJoin, &Command::JoinCgroupNamespace},
          Stage{Step::kTerminal, &Command::Attach}, Stage{Step::kIdentity, &Command::TakeLimits},
          Stage{Step::kIdentity, &Command::TakeLabel},
          Stage{Step::kJoin, &Command::JoinUserNamespace}, Stage{Step::kIdentity, &Command::LetGo},
          Stage{Step::kIdentity, &Command::BecomeUser}, Stage{Step::kSeccomp, &Command::Confine}}) {
      if (Result<void> done = (this->*stage.run)(); !done) Fail({stage.step, done.error(), 1});
    }
    WaitForDisarmedInit();
    plan_.signals.Restore();
    // After the last change of user, which would clear it.
    DieWithParent(plan_.init_pidfd);
    // What LetGo() has left besides the standard streams is close-on-exec; that the report closes
    // with the exec tells that it worked.
    const ExecFailure failure =
        plan_.spec.command.empty() ? ExecShell() : ExecProgram(plan_.spec.command);
    Fail({Step::kExec, {Code::kNotFound, failure.message + Hint(failure), 0}, failure.exit_code});
  }

 private:
  [[noreturn]] void Fail(const SetupFailure& failure) {
    (void)SendMessage(plan_.report, EncodeEvent(SessionEvent::Failed(failure)));
    ::_exit(failure.exit_code);
  }

  /// The command may be able to trace the init, which must hold nothing by then.
  void WaitForDisarmedInit() const {
    char byte;
    while (::read(plan_.armed, &byte, 1) < 0 && errno == EINTR) {
    }
  }

  std::string Hint(const ExecFailure& failure) const {
    if (failure.exit_code != kExitNotFound) return {};
    return plan_.spec.view == View::kContainer
               ? " in the container (the tools are in the toolbox view: --view toolbox)"
               : " in the toolbox (the target's own programs are in the container view)";
  }

  Result<void> EnterCgroup() {
    if (plan_.cgroup_tasks < 0) return {};
    return JoinCgroup(plan_.cgroup_tasks, "tasks of the session's cgroup");
  }

  // Not before we are in our cgroup: where cgroup2 is mounted with nsdelegate, as systemd does it,
  // nobody is moved from or to a cgroup outside of the mover's namespace (cgroups(7)).
  Result<void> JoinCgroupNamespace() {
    if (plan_.cgroup_namespace < 0) return {};
    if (::setns(plan_.cgroup_namespace, CLONE_NEWCGROUP) != 0) {
      return FailErrno("join cgroup namespace of the target");
    }
    return {};
  }

  Result<void> Attach() {
    return plan_.terminal < 0 ? Result<void>() : AttachTerminal(plan_.terminal);
  }

  Result<void> TakeLimits() {
    return plan_.identity ? ApplyLimits(plan_.identity->limits) : Result<void>();
  }

  // Last of the namespaces: behind it we have no rights over the others (user_namespaces(7)).
  Result<void> JoinUserNamespace() {
    if (plan_.user_namespace < 0) return {};
    // Now, for behind it that may be denied (/proc/PID/setgroups).
    groups_dropped_ = ::setgroups(0, nullptr) == 0;
    if (::setns(plan_.user_namespace, CLONE_NEWUSER) != 0) {
      return FailErrno("join user namespace of the target");
    }
    return {};
  }

  Result<void> TakeLabel() {
    return plan_.identity ? TakeSecurityLabel(plan_.identity->label, plan_.proc) : Result<void>();
  }

  /// Before any path of the target or of the caller is walked: close-on-exec is too late for a
  /// working directory or a program that is "/proc/self/fd/N/.." (CVE-2024-21626). None of those
  /// that stay is a directory.
  Result<void> LetGo() {
    CloseAllBut(
        {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, plan_.armed, plan_.init_pidfd, plan_.report});
    return {};
  }

  Result<void> BecomeUser() {
    if (plan_.identity) {
      Identity identity = *plan_.identity;
      identity.environment.insert(identity.environment.end(), plan_.spec.environment.begin(),
                                  plan_.spec.environment.end());
      if (plan_.spec.tty) identity.environment.insert(identity.environment.begin(), "TERM=xterm");
      if (plan_.spec.uid || plan_.spec.gid) {
        // Another user has none of this one's groups.
        identity.groups.clear();
        if (plan_.spec.uid) identity.uid = identity.gid = *plan_.spec.uid;
        if (plan_.spec.gid) identity.gid = *plan_.spec.gid;
      }
      if (plan_.spec.working_directory) identity.working_directory = *plan_.spec.working_directory;
      // While we may without no_new_privs, which the container may not have.
      if (identity.seccomp) {
        if (Result<void> confined = ApplySeccompFilterAlone(); !confined) return confined;
      }
      return AssumeIdentity(identity, groups_dropped_);
    }
    return BecomeToolboxUser();
  }

  Result<void> BecomeToolboxUser() {
    const uid_t uid = plan_.spec.uid.value_or(plan_.spec.profile->non_root ? kNobody : 0);
    const gid_t gid = plan_.spec.gid.value_or(uid);
    if (Result<void> dropped = DropBounding(plan_.spec.capabilities); !dropped) return dropped;
    if (::setgroups(0, nullptr) != 0 && !groups_dropped_) {
      return FailErrno("drop supplementary groups");
    }
    if (::setresgid(gid, gid, gid) != 0) return FailErrno(fmt::format("set group {}", gid));
    if (::setresuid(uid, uid, uid) != 0) return FailErrno(fmt::format("set user {}", uid));
    if (plan_.spec.working_directory) {
      if (Result<void> entered = EnterWorkingDirectory(*plan_.spec.working_directory); !entered) {
        return entered;
      }
    }
    SetEnvironment(uid);
    return ApplySets(SetsFor(plan_.spec.capabilities));
  }

  void SetEnvironment(uid_t uid) {
    std::vector<std::string> kept;
    for (const char* name : kKeptVariables) {
      if (const char* value = std::getenv(name)) kept.push_back(std::string(name) + "=" + value);
    }
    ::clearenv();
    ::setenv("PATH", kToolboxPath, 1);
    ::setenv("HOME", uid == 0 ? "/root" : "/", 1);
    if (plan_.spec.tty) ::setenv("TERM", "xterm", 1);
    kept.insert(kept.end(), plan_.spec.environment.begin(), plan_.spec.environment.end());
    for (const std::string& variable : kept) {
      const size_t equals = variable.find('=');
      ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
    }
  }

  Result<void> Confine() {
    // The container view's command is as confined as the container: see BecomeUser().
    if (plan_.identity || plan_.spec.profile->unrestricted) return {};
    return ApplySeccompFilter();
  }

  const CommandPlan& plan_;
  bool groups_dropped_ = false;
};

}  // namespace

void RunCommand(const CommandPlan& plan) { Command(plan).Run(); }

}  // namespace nsdebug
