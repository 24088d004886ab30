#include "cri/resolver.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cctype>

#include "base/container_process.h"
#include "base/io.h"
#include "base/text.h"
#include "cri/container_choice.h"
#include "cri/sandboxed_runtime.h"
#include "cri/verbose_info.h"

namespace nsdebug::cri {

namespace {

constexpr size_t kMaxIdLength = 128;
// How many candidates an error lists.
constexpr size_t kMaxCandidates = 5;
// A container may restart between its being listed and its being looked at; then once more.
constexpr int kAttempts = 2;

/// "containerd://0123" as the Kubernetes API writes it, or the bare id.
Result<std::string> ParseContainerId(std::string_view text) {
  std::string_view id = text;
  if (const size_t scheme = id.find("://"); scheme != std::string_view::npos) {
    id.remove_prefix(scheme + 3);
  }
  const bool plausible = !id.empty() && id.size() <= kMaxIdLength &&
                         std::all_of(id.begin(), id.end(), [](unsigned char c) {
                           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
                         });
  if (!plausible) {
    return Fail(Code::kInvalidArgument, fmt::format("'{}' is not a container id", Printable(text)));
  }
  return std::string(id);
}

std::string StateText(const ContainerStatus& status) {
  switch (status.container.state) {
    case ContainerState::kCreated:
      return "it was created but never started";
    case ContainerState::kExited:
      return fmt::format(
          "it exited with code {}{}", status.exit_code,
          status.reason.empty() ? "" : fmt::format(" ({})", Printable(status.reason)));
    default:
      return "its state is unknown to the runtime";
  }
}

/// Whether a descriptor on nsfs is a namespace of the kind with this name in /proc/PID/ns.
bool IsNamespace(int fd, const std::string& kind) {
  const std::map<std::string, int> types = {
      {"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"user", CLONE_NEWUSER}};
  const auto type = types.find(kind);
  return type != types.end() && ::ioctl(fd, NS_GET_NSTYPE) == type->second;
}

/// One lookup: the calls it makes and what it knows so far.
class Lookup {
 public:
  explicit Lookup(Runtime* runtime) : runtime_(runtime) {}

  Result<Target> ContainerById(const std::string& id) {
    Result<Container> container = FindContainer(id);
    if (!container) return Propagate(container.error());
    if (!container->pod_sandbox_id.empty()) {
      Result<std::vector<PodSandbox>> sandboxes =
          runtime_->ListPodSandboxes({.id = container->pod_sandbox_id, .labels = {}});
      if (!sandboxes) return Propagate(sandboxes.error());
      if (sandboxes->size() == 1) sandbox_ = sandboxes->front();
    }
    return OpenContainer(*container);
  }

  Result<Target> Pod(const PodQuery& query) {
    if (Result<void> found = FindSandbox(query); !found) return Propagate(found.error());
    if (query.sandbox) return Retry([&] { return OpenSandbox(); });
    for (int attempt = 1;; ++attempt) {
      Result<std::vector<Container>> containers =
          runtime_->ListContainers({.id = "", .pod_sandbox_id = sandbox_.id});
      if (!containers) return Propagate(containers.error());
      Result<ContainerChoice> choice = ChooseContainer(sandbox_, *containers, query.container);
      if (!choice) return Propagate(choice.error());
      Result<Target> target = TryOpenContainer(choice->container);
      if (target) target->note = choice->note;
      if (target || target.error().code != Code::kAborted || attempt == kAttempts) return target;
    }
  }

 private:
  /// Runtimes answer an ambiguous prefix as an unknown one, with nothing; which it is, only the
  /// whole list tells. That is paid for by failures alone.
  Result<Container> FindContainer(const std::string& id) {
    Result<std::vector<Container>> found =
        runtime_->ListContainers({.id = id, .pod_sandbox_id = ""});
    if (!found) return Propagate(found.error());
    if (found->empty()) {
      found = runtime_->ListContainers({});
      if (!found) return Propagate(found.error());
    }
    std::erase_if(*found,
                  [&](const Container& container) { return !container.id.starts_with(id); });
    if (found->empty()) {
      return Fail(Code::kNotFound, fmt::format("no container with id {} on this node", id));
    }
    if (found->size() == 1) return found->front();
    std::string candidates;
    for (size_t i = 0; i < std::min(found->size(), kMaxCandidates); ++i) {
      candidates += (i == 0 ? "" : ", ") + Printable((*found)[i].id.substr(0, 16));
    }
    return Fail(Code::kFailedPrecondition,
                fmt::format("container id {} is ambiguous: {} containers start with it, among them "
                            "{}",
                            id, found->size(), candidates));
  }

  Result<void> FindSandbox(const PodQuery& query) {
    Result<std::vector<PodSandbox>> listed =
        runtime_->ListPodSandboxes({.id = "",
                                    .labels = {{"io.kubernetes.pod.namespace", query.pod_namespace},
                                               {"io.kubernetes.pod.name", query.pod_name}}});
    if (!listed) return Propagate(listed.error());
    // Labels are partly the pod author's; the metadata is the kubelet's.
    std::erase_if(*listed, [&](const PodSandbox& sandbox) {
      return sandbox.pod_namespace != query.pod_namespace || sandbox.name != query.pod_name;
    });
    const std::string pod = Printable(query.pod_namespace + "/" + query.pod_name);
    if (listed->empty()) {
      return Fail(Code::kNotFound, fmt::format("no pod {} on this node", pod));
    }
    std::vector<PodSandbox> ready;
    std::copy_if(listed->begin(), listed->end(), std::back_inserter(ready),
                 [](const PodSandbox& sandbox) { return sandbox.state == SandboxState::kReady; });
    if (ready.empty()) {
      return Fail(Code::kFailedPrecondition,
                  fmt::format("pod {} is not running: its {} on this node stopped", pod,
                              listed->size() == 1 ? "sandbox" : "sandboxes"));
    }
    const bool one_pod = std::all_of(ready.begin(), ready.end(), [&](const PodSandbox& sandbox) {
      return sandbox.uid == ready.front().uid;
    });
    if (!one_pod) return SeveralPods(pod, ready);
    sandbox_ = *std::max_element(ready.begin(), ready.end(),
                                 [](const PodSandbox& one, const PodSandbox& other) {
                                   return std::pair(one.attempt, one.created_at) <
                                          std::pair(other.attempt, other.created_at);
                                 });
    return {};
  }

  static Result<void> SeveralPods(const std::string& pod, const std::vector<PodSandbox>& ready) {
    std::string found;
    for (size_t i = 0; i < std::min(ready.size(), kMaxCandidates); ++i) {
      found += fmt::format("{}{} (uid {})", i == 0 ? "" : ", ",
                           Printable(ready[i].id.substr(0, 16)), Printable(ready[i].uid));
    }
    if (ready.size() > kMaxCandidates) {
      found += fmt::format(" and {} more", ready.size() - kMaxCandidates);
    }
    return Fail(Code::kFailedPrecondition,
                fmt::format("several pods {} run on this node, in the sandboxes {}: name one of "
                            "their containers with --container",
                            pod, found));
  }

  /// What ended while it was looked at may have been started again.
  template <class Open>
  static Result<Target> Retry(const Open& open) {
    for (int attempt = 1;; ++attempt) {
      Result<Target> target = open();
      if (target || target.error().code != Code::kAborted || attempt == kAttempts) return target;
    }
  }

  Result<Target> OpenContainer(const Container& container) {
    return Retry([&] { return TryOpenContainer(container); });
  }

  Result<Target> TryOpenContainer(const Container& container) {
    const std::string name = NameOf(container);
    Result<ContainerStatus> status = runtime_->GetContainerStatus(container.id);
    if (!status) return Vanished(status.error(), "container " + name);
    // Only of a running container: CRI-O keeps telling the pid that an exited one had, and of a
    // created one the process that waits to become it.
    if (status->container.state != ContainerState::kRunning) {
      return Fail(
          Code::kFailedPrecondition,
          fmt::format("container {} is not running: {}{}", name, StateText(*status),
                      sandbox_.id.empty() ? "" : " (--sandbox enters the pod's own namespaces)"));
    }
    Result<VerboseInfo> info = ParseVerboseInfo("status of container " + name, status->info);
    if (!info) return Propagate(info.error());
    Result<Target> target = OpenProcess(container.id, *info, "container " + name);
    if (!target) return target;
    target->container_name = container.name;
    target->process_spec = std::move(info->process_spec);
    return target;
  }

  Result<Target> OpenSandbox() {
    const std::string what =
        fmt::format("sandbox of pod {}", Printable(sandbox_.pod_namespace + "/" + sandbox_.name));
    Result<PodSandboxStatus> status = runtime_->GetPodSandboxStatus(sandbox_.id);
    if (!status) return Propagate(status.error(), what);
    if (status->sandbox.state != SandboxState::kReady) {
      return Fail(Code::kFailedPrecondition, what + " has stopped");
    }
    Result<VerboseInfo> info = ParseVerboseInfo("status of the " + what, status->info);
    if (!info) return Propagate(info.error());
    if (info->pid == 0 && info->namespaces.empty()) {
      // cri-dockerd tells nothing of a sandbox, but takes it for a container.
      Result<ContainerStatus> as_container = runtime_->GetContainerStatus(sandbox_.id);
      if (!as_container) return Propagate(as_container.error(), what);
      info = ParseVerboseInfo("status of the " + what, as_container->info);
      if (!info) return Propagate(info.error());
    }
    if (info->pid == 0) {
      const std::string sandboxed = SandboxedRuntime(RuntimeNames(*info), 0);
      if (!sandboxed.empty()) return RefuseSandboxed(what, sandboxed);
      return OpenNamespaces(info->namespaces, what);
    }
    return OpenProcess(sandbox_.id, *info, what);
  }

  /// CRI-O keeps no process in a sandbox, but pins its namespaces at files.
  Result<Target> OpenNamespaces(const std::map<std::string, std::string>& paths,
                                const std::string& what) {
    if (paths.empty()) {
      return Fail(Code::kFailedPrecondition,
                  what + " has no process, and the runtime names no namespaces of it");
    }
    Target target = NewTarget(sandbox_.id);
    for (const auto& [kind, path] : paths) {
      Result<UniqueFd> fd = Open(path, O_RDONLY | O_NONBLOCK);
      if (!fd) return Propagate(fd.error(), what);
      struct statfs file_system {};
      if (::fstatfs(fd->get(), &file_system) != 0 || file_system.f_type != NSFS_MAGIC ||
          !IsNamespace(fd->get(), kind)) {
        return Fail(Code::kInternal, fmt::format("{}: the runtime names {} as its {} namespace, "
                                                 "which is none",
                                                 what, Printable(path), kind));
      }
      target.namespaces.push_back({kind, path, std::move(*fd)});
    }
    return target;
  }

  Result<Target> OpenProcess(const std::string& id, const VerboseInfo& info,
                             const std::string& what) {
    if (info.pid == 0) {
      return Fail(Code::kFailedPrecondition, what + ": the runtime does not tell its process");
    }
    const std::vector<std::string_view> names = RuntimeNames(info);
    if (const std::string sandboxed = SandboxedRuntime(names, 0); !sandboxed.empty()) {
      return RefuseSandboxed(what, sandboxed);
    }
    Result<UniqueFd> pidfd = OpenContainerProcess(info.pid, id);
    if (!pidfd) {
      // Behind a kernel of its own a container's pid is the sandbox's, outside the cgroup.
      const std::string sandboxed = SandboxedRuntime(names, info.pid);
      if (!sandboxed.empty()) return RefuseSandboxed(what, sandboxed);
      return Vanished(pidfd.error(), what);
    }
    Target target = NewTarget(id);
    target.pidfd = std::move(*pidfd);
    target.pid = info.pid;
    return target;
  }

  std::vector<std::string_view> RuntimeNames(const VerboseInfo& info) const {
    return {info.runtime_type, info.runtime_handler, sandbox_.runtime_handler};
  }

  static Failure RefuseSandboxed(const std::string& what, const std::string& runtime) {
    return Fail(
        Code::kFailedPrecondition,
        fmt::format("{} runs under {}: not supported, its processes live behind a kernel of "
                    "their own",
                    what, runtime));
  }

  /// What was listed a moment ago and is not there now has ended meanwhile: worth another look.
  static Failure Vanished(Error error, const std::string& what) {
    if (error.code == Code::kNotFound) error.code = Code::kAborted;
    return Propagate(std::move(error), what);
  }

  Target NewTarget(const std::string& id) const {
    Target target;
    target.pod_namespace = sandbox_.pod_namespace;
    target.pod_name = sandbox_.name;
    target.container_id = id;
    return target;
  }

  std::string NameOf(const Container& container) const {
    if (sandbox_.id.empty()) return Printable(container.id.substr(0, 16));
    return Printable(
        fmt::format("{}/{}/{}", sandbox_.pod_namespace, sandbox_.name, container.name));
  }

  Runtime* runtime_;
  PodSandbox sandbox_;
};

}  // namespace

Result<Target> Resolver::ResolveContainer(std::string_view id) {
  Result<std::string> parsed = ParseContainerId(id);
  if (!parsed) return Propagate(parsed.error());
  return Lookup(runtime_).ContainerById(*parsed);
}

Result<Target> Resolver::ResolvePod(const PodQuery& query) { return Lookup(runtime_).Pod(query); }

}  // namespace nsdebug::cri
