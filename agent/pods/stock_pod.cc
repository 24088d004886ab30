#include "agent/pods/stock_pod.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace nsdebug {

namespace {

using nlohmann::ordered_json;

constexpr const char kDefaultContainer[] = "kubectl.kubernetes.io/default-container";

ordered_json Metadata(const cri::PodSandbox& sandbox) {
  ordered_json metadata = {{"name", Bounded(sandbox.name)},
                           {"namespace", Bounded(sandbox.pod_namespace)},
                           {"uid", Bounded(sandbox.uid)}};
  const std::string created = TimeText(sandbox.created_at);
  if (!created.empty()) metadata["creationTimestamp"] = created;
  // The only one that exec reads; the others are not ours to show.
  const auto chosen = sandbox.annotations.find(kDefaultContainer);
  if (chosen != sandbox.annotations.end()) {
    metadata["annotations"] = {{kDefaultContainer, Bounded(chosen->second)}};
  }
  return metadata;
}

ordered_json StateOf(const cri::Container& container) {
  switch (container.state) {
    case cri::ContainerState::kRunning:
      return {{"running", ordered_json::object({{"startedAt", TimeText(container.created_at)}})}};
    case cri::ContainerState::kCreated:
      return {{"waiting", {{"reason", "ContainerCreating"}}}};
    case cri::ContainerState::kExited:
      // Not "terminated": that has an exit code, which a list does not tell.
      return {{"waiting", {{"reason", "ContainerExited"}}}};
    case cri::ContainerState::kUnknown:
      break;
  }
  return {{"waiting", {{"reason", "ContainerStateUnknown"}}}};
}

ordered_json StatusOf(const cri::Container& container, std::string_view runtime_name) {
  const bool is_running = container.state == cri::ContainerState::kRunning;
  return {{"name", Bounded(container.name)},
          {"state", StateOf(container)},
          {"ready", is_running},
          {"restartCount", container.attempt},
          // Clients that check the schema want them to be there.
          {"image", ""},
          {"imageID", ""},
          {"containerID", Bounded(std::string(runtime_name) + "://" + container.id)}};
}

/// Never "Succeeded" or "Failed", which a runtime cannot tell apart and with which kubectl does not
/// even ask: exec then says exactly what is wrong.
const char* PhaseOf(const Pod& pod) {
  if (pod.sandbox.state != cri::SandboxState::kReady) return "Unknown";
  const bool has_app =
      std::any_of(pod.containers.begin(), pod.containers.end(),
                  [](const cri::Container& container) { return KindOf(container) != "init"; });
  return has_app ? "Running" : "Pending";
}

}  // namespace

std::string StockPodJson(const Pod& pod, std::string_view runtime_name, std::string_view node) {
  ordered_json spec = {{"containers", ordered_json::array()}, {"nodeName", node}};
  ordered_json status = {{"phase", PhaseOf(pod)}, {"containerStatuses", ordered_json::array()}};
  for (const cri::Container& container : pod.containers) {
    const std::string kind = KindOf(container);
    const char* specs = "containers";
    const char* statuses = "containerStatuses";
    if (kind == "init") {
      specs = "initContainers";
      statuses = "initContainerStatuses";
    } else if (kind == "ephemeral") {
      specs = "ephemeralContainers";
      statuses = "ephemeralContainerStatuses";
    }
    // In the order in which they were made: the first is kubectl's default.
    spec[specs].push_back({{"name", Bounded(container.name)}});
    status[statuses].push_back(StatusOf(container, runtime_name));
  }
  const ordered_json document = {{"kind", "Pod"},
                                 {"apiVersion", "v1"},
                                 {"metadata", Metadata(pod.sandbox)},
                                 {"spec", std::move(spec)},
                                 {"status", std::move(status)}};
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<std::string> GetStockPod(cri::Runtime* runtime, const std::string& pod_namespace,
                                const std::string& name, std::string_view node) {
  Result<Pod> pod = FindPod(runtime, pod_namespace, name);
  if (!pod) return Propagate(pod.error());
  Result<cri::Version> version = runtime->GetVersion();
  if (!version) return Propagate(version.error());
  return StockPodJson(*pod, version->runtime_name, node);
}

}  // namespace nsdebug
