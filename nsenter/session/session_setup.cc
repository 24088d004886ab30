#include "nsenter/session/session_setup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/io.h"
#include "base/message_socket.h"
#include "base/pipe.h"
#include "base/process.h"
#include "nsenter/join.h"
#include "nsenter/namespace.h"
#include "nsenter/session/session_init.h"
#include "nsenter/session/tools_exposure.h"

namespace nsdebug {

namespace {

bool SameUserNamespace(const ProcessHandle& process) {
  struct stat one {};
  struct stat two {};
  return ::stat("/proc/self/ns/user", &one) == 0 &&
         ::fstatat(process.proc(), "ns/user", &two, 0) == 0 && one.st_ino == two.st_ino &&
         one.st_dev == two.st_dev;
}

}  // namespace

Result<void> SessionSetup::Run() {
  for (auto stage :
       {&SessionSetup::OpenTarget, &SessionSetup::CheckTools, &SessionSetup::PrepareIdentity,
        &SessionSetup::PlanCgroup, &SessionSetup::StartGuard, &SessionSetup::JoinTarget,
        &SessionSetup::MakeCgroup, &SessionSetup::StartInit, &SessionSetup::LimitSession}) {
    if (Result<void> done = (this->*stage)(); !done) {
      // An init that waits for its start ends with this, or the guard would have to wait for it.
      go_.Reset();
      return done;
    }
  }
  return {};
}

Result<void> SessionSetup::OpenTarget() {
  step_ = Step::kResolve;
  if (!target_->pidfd.valid()) {
    if (spec_.view == View::kToolbox && !target_->namespaces.empty()) return {};
    return Fail(Code::kFailedPrecondition,
                fmt::format("the {} view needs a process of the target", ViewName(spec_.view)));
  }
  Result<ProcessHandle> process = ProcessHandle::FromPidfd(std::move(target_->pidfd));
  if (!process) return Propagate(process.error());
  process_ = std::move(*process);
  if (SameUserNamespace(*process_)) return {};
  Result<UniqueFd> user = process_->Open("ns/user", O_RDONLY);
  if (!user) return Propagate(user.error());
  user_namespace_ = std::move(*user);
  return {};
}

/// Nobody has said that the target may see the node's own root.
Result<void> SessionSetup::CheckTools() {
  step_ = Step::kView;
  // A pod without a process is its pinned namespaces, none of them a PID namespace: its containers
  // do not see the command, unless theirs is the node's, which SECURITY.md says is no boundary.
  if (spec_.view != View::kToolbox || spec_.tools || !process_) return {};
  Result<Exposure> exposure = FindExposure(spec_, *process_, target_->process_spec);
  if (!exposure) return Propagate(exposure.error());
  if (*exposure != Exposure::kNone) return Failure(ExposureError(*exposure));
  return {};
}

Result<void> SessionSetup::PrepareIdentity() {
  step_ = Step::kIdentity;
  if (spec_.view != View::kContainer) return {};
  Result<Identity> identity =
      ContainerIdentity(*process_, target_->process_spec, facts_.security_modules);
  if (!identity) return Propagate(identity.error());
  identity_ = std::move(*identity);
  if (NameOf(identity_->label).empty()) return {};
  Result<UniqueFd> proc = Open("/proc", O_PATH | O_DIRECTORY);
  if (!proc) return Propagate(proc.error());
  proc_ = std::move(*proc);
  return {};
}

Result<void> SessionSetup::PlanCgroup() {
  step_ = Step::kCgroup;
  const Result<std::vector<CgroupMount>>& mounts = facts_.cgroup_mounts;
  if (!mounts) return Propagate(mounts.error());
  if (spec_.join_target_cgroup || spec_.view == View::kContainer) {
    // As the runtime's exec does it: the container's own limits hold.
    Result<std::vector<CgroupMembership>> cgroups = OpenCgroups(*process_, *mounts);
    if (!cgroups) return Propagate(cgroups.error());
    target_cgroups_ = std::move(*cgroups);
    return {};
  }
  if (spec_.cgroup_parent.empty()) return {};
  Result<std::string> name = SessionName();
  if (!name) return Propagate(name.error());
  Result<SessionCgroup> cgroup = SessionCgroup::Plan(*mounts, spec_.cgroup_parent, *name);
  if (!cgroup) return Propagate(cgroup.error());
  session_.cgroup = std::move(*cgroup);
  return {};
}

Result<void> SessionSetup::StartGuard() {
  session_.signals = std::make_unique<SignalState>();
  GuardWatch watch;
  watch.cgroup = std::move(session_.cgroup);
  if (watch.cgroup) watch.cgroup_parent = spec_.cgroup_parent;
  watch.starter_fd = links_.starter_fd;
  watch.deadline = spec_.deadline;
  watch.terminal_fd =
      spec_.tty && links_.plan_socket < 0 && ::isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1;
  Result<Guard> guard = Guard::Start(watch);
  session_.cgroup = std::move(watch.cgroup);
  if (!guard) return Propagate(guard.error());
  session_.guard = std::move(*guard);
  return {};
}

/// The mount namespace is the view's business, the user and the cgroup namespace are the command's.
/// A toolbox whose PID namespace is nobody's gets a new one: its /proc would be the node's, and its
/// command could signal what is in there.
Result<void> SessionSetup::JoinTarget() {
  step_ = Step::kJoin;
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  std::vector<NamespaceJoin> joins;
  for (const NamespaceType& type : kNamespaceTypes) {
    if (type.flag == CLONE_NEWUSER || type.flag == CLONE_NEWNS) continue;
    if ((spec_.namespaces & type.flag) == 0) continue;
    if (process_) {
      if ((facts_.namespaces & type.flag) == 0) continue;
      if (type.flag == CLONE_NEWCGROUP) {
        Result<UniqueFd> opened = process_->OpenNamespace(type);
        if (!opened) return Propagate(opened.error(), "join cgroup namespace of the target");
        cgroup_namespace_ = std::move(*opened);
        continue;
      }
      joins.push_back({&type, UniqueFd(), fmt::format("pid {}", process_->pid())});
      continue;
    }
    for (NamespaceHandle& handle : target_->namespaces) {
      if (handle.kind == type.name) joins.push_back({&type, std::move(handle.fd), handle.path});
    }
  }
  const bool joins_pid = std::any_of(joins.begin(), joins.end(), [](const NamespaceJoin& join) {
    return join.type->flag == CLONE_NEWPID;
  });
  Result<void> joined = JoinNamespaces(joins, process_ ? &*process_ : nullptr);
  if (!joined || spec_.view != View::kToolbox || joins_pid) return joined;
  return ::unshare(CLONE_NEWPID) == 0 ? joined : FailErrno("create a PID namespace for the view");
}

Result<void> SessionSetup::MakeCgroup() {
  step_ = Step::kCgroup;
  return session_.cgroup ? session_.cgroup->Create() : Result<void>();
}

/// The cgroup that the init can be born in; null: the kernel or the hierarchy has no way for it.
const CgroupMembership* SessionSetup::Birthplace() const {
  if (session_.cgroup && session_.cgroup->init().directory.valid()) return &session_.cgroup->init();
  for (const CgroupMembership& cgroup : target_cgroups_) {
    if (cgroup.directory.valid()) return &cgroup;
  }
  return nullptr;
}

/// Those that it has to join, of the ones that are there already.
std::vector<const CgroupMembership*> SessionSetup::CgroupsOfInit(
    const CgroupMembership* birthplace) const {
  std::vector<const CgroupMembership*> cgroups;
  if (session_.cgroup) cgroups.push_back(&session_.cgroup->init());
  for (const CgroupMembership& cgroup : target_cgroups_) cgroups.push_back(&cgroup);
  std::erase(cgroups, birthplace);
  return cgroups;
}

Result<void> SessionSetup::StartInit() {
  step_ = Step::kExec;
  Result<MessageSocketPair> go = MakeMessageSocketPair();
  if (!go) return Propagate(go.error());
  Result<MessageSocketPair> report = MakeMessageSocketPair();
  if (!report) return Propagate(report.error());
  Result<Pipe> status = MakePipe("pipe");
  if (!status) return Propagate(status.error());
  Result<UniqueFd> own_pidfd = OpenPidfd(::getpid());
  if (!own_pidfd) return Propagate(own_pidfd.error());

  const CgroupMembership* birthplace = Birthplace();
  if (birthplace != nullptr) session_.init = ForkIntoCgroup(birthplace->directory.get());
  if (session_.init < 0) {
    birthplace = nullptr;
    session_.init = ::fork();
  }
  if (session_.init < 0) {
    if (errno == ENOMEM) {
      return Fail(Code::kAborted,
                  "fork: the target's PID namespace has ended, or no memory is left");
    }
    return FailErrno("fork");
  }
  if (session_.init == 0) {
    // Closed here, so that the end of ours ends it.
    go->first.Reset();
    // The guard waits for this one's end too, and then for the init's.
    session_.guard.reset();
    report->first.Reset();
    status->read_end.Reset();
    RunSessionInit({spec_, process_ ? &*process_ : nullptr, std::move(identity_), std::move(proc_),
                    std::move(cgroup_namespace_), std::move(user_namespace_), *session_.signals,
                    own_pidfd->get(), CgroupsOfInit(birthplace),
                    session_.cgroup ? &session_.cgroup->command() : nullptr, go->second.get(),
                    report->second.get(), status->write_end.get()});
  }
  session_.report = std::move(report->first);
  session_.status = std::move(status->read_end);
  go_ = std::move(go->first);
  Result<UniqueFd> init_pidfd = OpenPidfd(session_.init);
  if (!init_pidfd) return Propagate(init_pidfd.error());
  session_.init_pidfd = std::move(*init_pidfd);
  return {};
}

/// While the init builds its view: makes the cgroups that limit it. The command starts only after
/// it has joined them.
Result<void> SessionSetup::LimitSession() {
  step_ = Step::kCgroup;
  if (Result<void> told = session_.guard->WatchInit(session_.init_pidfd.get()); !told) {
    return Propagate(told.error(), "tell the session's guard");
  }
  std::vector<int> tasks;
  if (session_.cgroup) {
    if (Result<void> limited = session_.cgroup->Limit(spec_.limits, spec_.profile->unrestricted);
        !limited) {
      return limited;
    }
    for (const CgroupMembership& cgroup : session_.cgroup->limiting()) {
      tasks.push_back(cgroup.tasks.get());
    }
  }
  Result<void> sent = SendMessage(go_.get(), "go", tasks);
  // Closed: the init has failed and its report says why, or it was killed.
  return sent || sent.error().error_number == EPIPE ? Result<void>() : sent;
}

}  // namespace nsdebug
