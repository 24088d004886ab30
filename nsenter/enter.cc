#include "nsenter/enter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/io.h"
#include "nsenter/create.h"
#include "nsenter/join.h"
#include "nsenter/program.h"
#include "nsenter/report.h"
#include "nsenter/supervisor.h"

namespace nsdebug {

namespace {

Result<void> SetExecContext(const std::string& context) {
  if (context.empty()) return {};
  Result<UniqueFd> fd = Open("/proc/thread-self/attr/exec", O_WRONLY);
  if (!fd) return Propagate(fd.error(), "set SELinux context for the command");
  return WriteAll(fd->get(), context, "/proc/thread-self/attr/exec");
}

Result<void> ChangeRoot(const Plan& plan) {
  if (!plan.root.valid()) return {};
  if (::fchdir(plan.root.get()) != 0) return FailErrno("enter the root directory");
  if (::chroot(".") != 0) {
    if (errno == EPERM) {
      return Fail(Code::kPermissionDenied,
                  "change root: operation not permitted (needs CAP_SYS_CHROOT)");
    }
    return FailErrno("change root");
  }
  return {};
}

/// With a new root and no directory asked for, the command stays where we are: a descriptor on the
/// old "." is the way back after the chroot. Escape from the root by it is nsenter's documented
/// behaviour, for roots that are not a boundary.
Result<UniqueFd> OpenDirectoryToKeep(const Plan& plan) {
  const bool keep =
      plan.root.valid() && !plan.working_directory.valid() && !plan.working_directory_inside;
  if (!keep) return UniqueFd();
  return Open(".", O_RDONLY | O_DIRECTORY);
}

Result<void> ChangeDirectory(const Plan& plan, int kept) {
  int fd = plan.working_directory.valid() ? plan.working_directory.get() : kept;
  Result<UniqueFd> inside;
  if (plan.working_directory_inside) {
    inside = Open(*plan.working_directory_inside, O_RDONLY | O_DIRECTORY);
    if (!inside) return Propagate(inside.error(), "working directory inside the target");
    fd = inside->get();
  }
  if (fd >= 0 && ::fchdir(fd) != 0) return FailErrno("enter the working directory");
  return {};
}

void ReplaceEnvironment(const Plan& plan) {
  if (!plan.environment) return;
  ::clearenv();
  for (const std::string& variable : *plan.environment) {
    const size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
}

/// Still our own process, privileged, in the namespaces we were started in; afterwards in the
/// target's, except that a PID namespace only takes our children.
Result<void> EnterTarget(const Plan& plan) {
  Result<UniqueFd> own_proc = Open("/proc/self", O_PATH | O_DIRECTORY);
  if (!own_proc) return Propagate(own_proc.error());
  if (Result<void> set = SetExecContext(plan.exec_context); !set) return set;
  // From here on processes of the target may see us: one that is not dumpable cannot be ptraced by
  // them, nor be reached through its /proc/PID/exe, fd or root (CVE-2019-5736, CVE-2024-21626),
  // unless they have SYS_PTRACE in our user namespace: SECURITY.md has what that means. The exec
  // ends it, when nothing of ours is left.
  if (!plan.joins.empty()) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (Result<void> joined = JoinNamespaces(plan.joins, plan.process ? &*plan.process : nullptr);
      !joined)
    return joined;
  Result<UniqueFd> kept = OpenDirectoryToKeep(plan);
  if (!kept) return Propagate(kept.error());
  if (Result<void> changed = ChangeRoot(plan); !changed) return changed;
  if (Result<void> changed = ChangeDirectory(plan, kept->get()); !changed) return changed;
  ReplaceEnvironment(plan);
  if (Result<void> moved = JoinCgroups(plan.cgroups); !moved) return moved;
  if (plan.new_namespaces != 0) {
    return CreateNamespaces(plan.new_namespaces, own_proc->get());
  }
  return {};
}

/// The process that becomes the command: in all namespaces, not yet the command's user.
int BecomeCommand(const Plan& plan, bool groups_dropped, int parent_pidfd) {
  const bool new_proc = plan.fork && (plan.new_namespaces & CLONE_NEWNS) != 0 &&
                        ((plan.JoinedFlags() | plan.new_namespaces) & CLONE_NEWPID) != 0;
  if (new_proc) {
    if (Result<void> mounted = MountProc(); !mounted) return ReportSetupFailure(mounted.error());
  }
  const ProcessHandle* target = plan.process ? &*plan.process : nullptr;
  if (Result<void> applied = ApplyCredentials(plan.credentials, target, groups_dropped); !applied) {
    return ReportSetupFailure(applied.error());
  }
  if (parent_pidfd >= 0) DieWithParent(parent_pidfd);
  const ExecFailure failure = plan.command.empty() ? ExecShell() : ExecProgram(plan.command);
  const bool elsewhere = (plan.JoinedFlags() & CLONE_NEWNS) != 0 || plan.root.valid();
  ReportError(elsewhere ? failure.message + " (looked for in the target's file system)"
                        : failure.message);
  return failure.exit_code;
}

}  // namespace

int Enter(const Plan& plan) {
  const bool groups_dropped =
      (plan.JoinedFlags() & CLONE_NEWUSER) != 0 && DropGroupsEarly(plan.credentials);
  if (Result<void> entered = EnterTarget(plan); !entered) {
    return ReportSetupFailure(entered.error());
  }
  if (!plan.fork) return BecomeCommand(plan, groups_dropped, -1);
  Result<WaitStatus> status = Supervise(
      [&](int parent_pidfd) { return BecomeCommand(plan, groups_dropped, parent_pidfd); });
  if (!status) return ReportSetupFailure(status.error());
  ExitLike(*status);
}

}  // namespace nsdebug
