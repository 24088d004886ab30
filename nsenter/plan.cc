#include "nsenter/plan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

// What a pod or container target enters when no namespace is named: everything that shows the
// target, but the node's file system with its tools.
constexpr int kResolvedTargetDefault =
    CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

/// Joining the user namespace we are in is EINVAL to the kernel (setns(2)).
bool InUserNamespaceOf(const ProcessHandle& process) {
  struct stat own {};
  struct stat other {};
  return ::stat("/proc/self/ns/user", &own) == 0 &&
         ::fstatat(process.proc(), "ns/user", &other, 0) == 0 && own.st_ino == other.st_ino &&
         own.st_dev == other.st_dev;
}

/// Collects the plan's parts in the order in which they depend on each other.
class Planner {
 public:
  Planner(const Options& options, Target* target) : options_(options), target_(target) {}

  Result<Plan> Make() {
    for (auto step :
         {&Planner::TakeProcess, &Planner::OpenSources, &Planner::OpenNetSocket,
          &Planner::OpenUserParent, &Planner::CollectJoins, &Planner::OpenDirectories,
          &Planner::ReadEnvironment, &Planner::OpenCgroupProcs, &Planner::ReadContext}) {
      if (Result<void> done = (this->*step)(); !done) return Propagate(done.error());
    }
    const int joined = plan_.JoinedFlags();
    plan_.new_namespaces = options_.new_namespaces;
    // Both kinds only take effect for processes created afterwards (pid_namespaces(7),
    // time_namespaces(7)).
    const int needs_fork =
        (joined & CLONE_NEWPID) | (options_.new_namespaces & (CLONE_NEWPID | CLONE_NEWTIME));
    plan_.fork = !options_.no_fork && needs_fork != 0;
    plan_.credentials = PlanCredentials(options_, (joined & CLONE_NEWUSER) != 0);
    const bool follows = (plan_.credentials.uid && plan_.credentials.uid->follow) ||
                         (plan_.credentials.gid && plan_.credentials.gid->follow);
    if (follows && !plan_.process) return NeedsTarget("'follow'");
    plan_.command = options_.command;
    return std::move(plan_);
  }

 private:
  static Failure NeedsTarget(std::string_view what) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} needs the process of a target: give --target, --container, --pod, "
                            "--docker or --node",
                            what));
  }

  Result<void> TakeProcess() {
    if (!target_->pidfd.valid()) return {};
    Result<ProcessHandle> process = ProcessHandle::FromPidfd(std::move(target_->pidfd));
    if (!process) return Propagate(process.error());
    plan_.process = std::move(*process);
    return {};
  }

  /// Opens what is named by file or id, and notes what is wanted of the target.
  Result<void> OpenSources() {
    for (size_t i = 0; i < kNamespaceTypes.size(); ++i) {
      const Options::NamespaceSource& choice = options_.namespaces[i];
      wanted_[i] = choice.wanted || WantedByDefault(kNamespaceTypes[i]);
      if (choice.source.empty()) continue;
      Result<UniqueFd> fd = choice.source.front() == ':'
                                ? OpenNamespaceById(choice.source.substr(1), kNamespaceTypes[i])
                                : OpenNamespaceFile(choice.source, kNamespaceTypes[i]);
      if (!fd) return Propagate(fd.error(), fmt::format("--{}", kNamespaceTypes[i].option));
      fds_[i] = std::move(*fd);
      objects_[i] = choice.source;
    }
    return {};
  }

  bool WantedByDefault(const NamespaceType& type) const {
    if (options_.all) {
      if (!KernelHas(type)) return false;
      return type.flag != CLONE_NEWUSER || !plan_.process || !InUserNamespaceOf(*plan_.process);
    }
    const bool resolved = options_.target_kind != Options::TargetKind::kNone &&
                          options_.target_kind != Options::TargetKind::kPid;
    if (!resolved || NamesNamespace()) return false;
    if (plan_.process) return (kResolvedTargetDefault & type.flag) != 0;
    return type.flag != CLONE_NEWUSER && FindHandle(type) != nullptr;
  }

  bool NamesNamespace() const {
    return options_.net_socket || options_.user_parent ||
           std::any_of(options_.namespaces.begin(), options_.namespaces.end(),
                       [](const Options::NamespaceSource& choice) { return choice.wanted; });
  }

  NamespaceHandle* FindHandle(const NamespaceType& type) const {
    for (NamespaceHandle& handle : target_->namespaces) {
      if (handle.kind == type.name) return &handle;
    }
    return nullptr;
  }

  Result<void> OpenNetSocket() {
    if (!options_.net_socket) return {};
    if (!plan_.process) return NeedsTarget("--net-socket");
    Result<UniqueFd> net = plan_.process->OpenSocketNetNamespace(*options_.net_socket);
    if (!net) return Propagate(net.error());
    const size_t index = NamespaceIndex(CLONE_NEWNET);
    fds_[index] = std::move(*net);
    wanted_[index] = true;
    objects_[index] =
        fmt::format("socket {} of pid {}", *options_.net_socket, plan_.process->pid());
    return {};
  }

  Result<void> OpenUserParent() {
    if (!options_.user_parent) return {};
    Result<UniqueFd> base = OpenUserParentBase();
    if (!base) return Propagate(base.error());
    Result<UniqueFd> parent = OpenOwningUserNamespace(base->get());
    if (!parent) return Propagate(parent.error());
    const size_t user = NamespaceIndex(CLONE_NEWUSER);
    fds_[user] = std::move(*parent);
    wanted_[user] = true;
    objects_[user] = "the parent user namespace";
    return {};
  }

  /// nsenter's choice: the user namespace named by file, else the target's, else any other
  /// namespace named by file, whose owner then is entered.
  Result<UniqueFd> OpenUserParentBase() {
    const size_t user = NamespaceIndex(CLONE_NEWUSER);
    if (fds_[user].valid()) return std::move(fds_[user]);
    if (plan_.process) return plan_.process->OpenNamespace(kNamespaceTypes[user]);
    for (UniqueFd& fd : fds_) {
      if (fd.valid()) return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    }
    return NeedsTarget("--user-parent");
  }

  Result<void> CollectJoins() {
    for (size_t i = 0; i < kNamespaceTypes.size(); ++i) {
      if (!wanted_[i]) continue;
      const NamespaceType& type = kNamespaceTypes[i];
      if (!fds_[i].valid()) {
        if (Result<void> taken = TakeFromTarget(i); !taken) return taken;
      }
      plan_.joins.push_back({&type, std::move(fds_[i]), std::move(objects_[i])});
    }
    const bool nothing = plan_.joins.empty() && options_.new_namespaces == 0;
    // Nothing left of --all means that we are in all of the target's namespaces there are.
    if (nothing && !options_.all) {
      return Fail(Code::kInvalidArgument,
                  "no namespace specified: name some (-m -u -i -n -p -C -U -T), or use --all");
    }
    return {};
  }

  Result<void> TakeFromTarget(size_t index) {
    const NamespaceType& type = kNamespaceTypes[index];
    if (!target_->namespaces.empty()) {
      NamespaceHandle* handle = FindHandle(type);
      if (handle != nullptr) {
        fds_[index] = std::move(handle->fd);
        objects_[index] = handle->path;
        return {};
      }
      if (!plan_.process) {
        return Fail(
            Code::kFailedPrecondition,
            fmt::format("pod {}/{} has no {} namespace to enter: its sandbox has no process",
                        target_->pod_namespace, target_->pod_name, type.name));
      }
    }
    if (!plan_.process) return NeedsTarget(fmt::format("--{} without a file", type.option));
    if (!KernelHas(type)) {
      return Fail(Code::kUnimplemented, fmt::format("this kernel has no {} namespaces", type.name));
    }
    if (type.flag == CLONE_NEWUSER && InUserNamespaceOf(*plan_.process)) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("join user namespace of pid {}: we are in it already (leave --user "
                              "out, or use --all)",
                              plan_.process->pid()));
    }
    objects_[index] = fmt::format("pid {}", plan_.process->pid());
    return {};
  }

  Result<void> OpenDirectories() {
    if (options_.root) {
      if (Result<void> opened = OpenDirectory(*options_.root, "root", &plan_.root); !opened) {
        return opened;
      }
    }
    if (options_.working_directory) {
      if (Result<void> opened =
              OpenDirectory(*options_.working_directory, "cwd", &plan_.working_directory);
          !opened) {
        return opened;
      }
    }
    plan_.working_directory_inside = options_.working_directory_inside;
    return {};
  }

  Result<void> OpenDirectory(const std::string& path, const char* of_target, UniqueFd* fd) {
    if (path.empty() && !plan_.process) return NeedsTarget(fmt::format("its {}", of_target));
    Result<UniqueFd> opened = path.empty() ? plan_.process->Open(of_target, O_RDONLY | O_DIRECTORY)
                                           : Open(path, O_RDONLY | O_DIRECTORY);
    if (!opened) return Propagate(opened.error());
    *fd = std::move(*opened);
    return {};
  }

  Result<void> ReadEnvironment() {
    if (!options_.environment) return {};
    if (!plan_.process) return NeedsTarget("--env");
    Result<std::string> text = plan_.process->Read("environ");
    if (!text) return Propagate(text.error());
    plan_.environment.emplace();
    for (std::string_view variable : Split(*text, '\0')) {
      // A process may write over its environment (setproctitle(3)): only NAME=VALUE counts.
      const size_t equals = variable.find('=');
      if (equals == std::string_view::npos || equals == 0) continue;
      plan_.environment->emplace_back(variable);
    }
    return {};
  }

  Result<void> OpenCgroupProcs() {
    if (!options_.join_cgroup) return {};
    if (!plan_.process) return NeedsTarget("--join-cgroup");
    Result<std::vector<CgroupMount>> mounts = ReadCgroupMounts();
    if (!mounts) return Propagate(mounts.error(), "join cgroup");
    Result<std::vector<CgroupMembership>> cgroups = OpenCgroups(*plan_.process, *mounts);
    if (!cgroups) return Propagate(cgroups.error());
    plan_.cgroups = std::move(*cgroups);
    return {};
  }

  /// SELinux only: like nsenter, nothing happens on a host without it.
  Result<void> ReadContext() {
    if (!options_.follow_context) return {};
    if (!plan_.process) return NeedsTarget("--follow-context");
    if (::access("/sys/fs/selinux/enforce", F_OK) != 0) return {};
    Result<std::string> context = plan_.process->Read("attr/current");
    if (!context) return Propagate(context.error(), "follow SELinux context");
    // The kernel ends it with a NUL.
    plan_.exec_context = context->c_str();
    return {};
  }

  const Options& options_;
  Target* target_;
  Plan plan_;
  std::array<bool, kNamespaceTypes.size()> wanted_{};
  std::array<UniqueFd, kNamespaceTypes.size()> fds_;
  std::array<std::string, kNamespaceTypes.size()> objects_;
};

}  // namespace

int Plan::JoinedFlags() const {
  int flags = 0;
  for (const NamespaceJoin& join : joins) flags |= join.type->flag;
  return flags;
}

Result<Plan> MakePlan(const Options& options, Target* target) {
  return Planner(options, target).Make();
}

}  // namespace nsdebug
