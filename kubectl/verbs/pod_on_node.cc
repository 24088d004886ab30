#include "kubectl/verbs/pod_on_node.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

using nlohmann::ordered_json;

Result<std::vector<PodOnNode>> PodsOfAgent(const std::string& pod_list) {
  Result<ordered_json> list = ParseAnswer(pod_list);
  if (!list) return Propagate(std::move(list.error()));
  std::vector<PodOnNode> pods;
  for (const ordered_json& item : ListOf(*list, "items")) {
    if (TextOf(item, "state") != "ready") continue;
    PodOnNode pod{TextOf(item, "namespace"), TextOf(item, "name"), TextOf(*list, "node"), {}};
    for (const ordered_json& container : ListOf(item, "containers")) {
      pod.containers.push_back(TextOf(container, "name"));
    }
    pods.push_back(std::move(pod));
  }
  return pods;
}

Result<std::string> NodeOfAgent(const std::string& pod_list) {
  Result<ordered_json> list = ParseAnswer(pod_list);
  if (!list) return Propagate(std::move(list.error()));
  return TextOf(*list, "node");
}

}  // namespace nsdebug::kubectl
