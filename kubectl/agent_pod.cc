#include "kubectl/agent_pod.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::json;

/// A text of a Kubernetes object, or empty; never throws, whatever is there.
std::string Text(const json& object, const char* path) {
  const json::json_pointer pointer(path);
  if (!object.contains(pointer) || !object[pointer].is_string()) return {};
  return Printable(object[pointer].get_ref<const std::string&>());
}

const json& List(const json& object, const char* path) {
  static const json kEmpty = json::array();
  const json::json_pointer pointer(path);
  return object.contains(pointer) && object[pointer].is_array() ? object[pointer] : kEmpty;
}

bool IsReady(const json& pod) {
  if (pod.contains("/metadata/deletionTimestamp"_json_pointer)) return false;
  for (const json& condition : List(pod, "/status/conditions")) {
    if (Text(condition, "/type") == "Ready") return Text(condition, "/status") == "True";
  }
  return false;
}

/// What keeps a pod from being ready, in the words of its status.
std::string WhyNotReady(const json& pod) {
  for (const json& container : List(pod, "/status/containerStatuses")) {
    for (const char* state : {"/state/waiting", "/state/terminated", "/lastState/terminated"}) {
      const std::string reason = Text(container, (std::string(state) + "/reason").c_str());
      const std::string message = Text(container, (std::string(state) + "/message").c_str());
      if (!reason.empty()) return message.empty() ? reason : reason + ": " + message;
    }
  }
  for (const json& condition : List(pod, "/status/conditions")) {
    if (Text(condition, "/status") != "False") continue;
    const std::string message = Text(condition, "/message");
    if (!message.empty()) return message;
  }
  return "phase " + Text(pod, "/status/phase");
}

/// Of a Table of meta.k8s.io: what stands where in its rows.
class TableColumns {
 public:
  explicit TableColumns(const json& definitions) {
    for (const json& definition : definitions) names_.push_back(Text(definition, "/name"));
  }

  /// A row's text in the column of a name; empty when there is none.
  std::string Cell(const json& cells, std::string_view name) const {
    const auto column = std::find(names_.begin(), names_.end(), name);
    const auto index = static_cast<size_t>(column - names_.begin());
    if (index >= cells.size() || !cells[index].is_string()) return {};
    return Printable(cells[index].get_ref<const std::string&>());
  }

 private:
  std::vector<std::string> names_;
};

/// "2/2", of a pod's containers.
bool AllAreReady(std::string_view ready) {
  const size_t slash = ready.find('/');
  if (slash == 0 || slash == std::string_view::npos) return false;
  return ready.substr(0, slash) == ready.substr(slash + 1) && ready.front() != '0';
}

}  // namespace

std::string AllAgentPodsPath(std::string_view agent_namespace) {
  return fmt::format("/api/v1/namespaces/{}/pods?labelSelector=app.kubernetes.io%2Fname%3Dns-debug",
                     agent_namespace);
}

std::string AgentPodsPath(std::string_view agent_namespace, std::string_view node) {
  return fmt::format("{}&fieldSelector=spec.nodeName%3D{}", AllAgentPodsPath(agent_namespace),
                     node);
}

Result<std::vector<AgentPod>> ListAgentPods(const std::string& pod_list,
                                            std::string_view agent_namespace) {
  const json list = json::parse(pod_list, nullptr, false);
  std::vector<AgentPod> pods;
  for (const json& pod : List(list, "/items")) {
    // One that is being replaced is no agent any more.
    if (pod.contains("/metadata/deletionTimestamp"_json_pointer)) continue;
    pods.push_back({Text(pod, "/spec/nodeName"), Text(pod, "/metadata/name"),
                    IsReady(pod) ? std::string() : WhyNotReady(pod)});
  }
  if (pods.empty()) {
    return Fail(Code::kNotFound,
                fmt::format("no ns-debug agents in namespace {}: install the chart ns-debug, or "
                            "name its namespace with --agent-namespace",
                            agent_namespace));
  }
  // The ready one of a node first, which is the one that ChooseAgentPod() takes.
  std::stable_sort(pods.begin(), pods.end(), [](const AgentPod& one, const AgentPod& other) {
    return std::pair(std::string_view(one.node), !one.trouble.empty()) <
           std::pair(std::string_view(other.node), !other.trouble.empty());
  });
  const auto is_same_node = [](const AgentPod& one, const AgentPod& other) {
    return !one.node.empty() && one.node == other.node;
  };
  pods.erase(std::unique(pods.begin(), pods.end(), is_same_node), pods.end());
  return pods;
}

std::string AgentPodTablePath(std::string_view agent_namespace) {
  // As many as kubectl asks for at once. Of more, the bytes would take longer than asking again.
  constexpr int kMaxRows = 500;
  return fmt::format("{}&limit={}&includeObject=None", AllAgentPodsPath(agent_namespace), kMaxRows);
}

std::optional<std::string> FindAgentPod(const std::string& pod_table, std::string_view node) {
  const json table = json::parse(pod_table, nullptr, false);
  const TableColumns columns(List(table, "/columnDefinitions"));
  for (const json& row : List(table, "/rows")) {
    const json& cells = List(row, "/cells");
    const bool is_ready =
        columns.Cell(cells, "Status") == "Running" && AllAreReady(columns.Cell(cells, "Ready"));
    if (columns.Cell(cells, "Node") == node && is_ready) return columns.Cell(cells, "Name");
  }
  return std::nullopt;
}

std::string AgentCaPath(std::string_view agent_namespace) {
  return fmt::format("/api/v1/namespaces/{}/configmaps/{}", agent_namespace, kAgentCaName);
}

Result<std::string> ChooseAgentPod(const std::string& pod_list, std::string_view agent_namespace,
                                   std::string_view node) {
  const json list = json::parse(pod_list, nullptr, false);
  const json* waiting = nullptr;
  for (const json& pod : List(list, "/items")) {
    if (IsReady(pod)) return Text(pod, "/metadata/name");
    waiting = &pod;
  }
  if (waiting == nullptr) {
    return Fail(
        Code::kNotFound,
        fmt::format("no ns-debug agent on node {}: install the chart ns-debug into namespace "
                    "{}, or name its namespace with --agent-namespace; if it is there, see "
                    "that its DaemonSet tolerates the node's taints",
                    node, agent_namespace));
  }
  return Fail(Code::kFailedPrecondition,
              fmt::format("the ns-debug agent {} on node {} is not ready: {}",
                          Text(*waiting, "/metadata/name"), node, WhyNotReady(*waiting)));
}

Result<std::string> AgentCaOf(const std::string& config_map) {
  const json object = json::parse(config_map, nullptr, false);
  const json::json_pointer pointer("/data/" + std::string(kAgentCaKey));
  if (!object.is_object() || !object.contains(pointer) || !object[pointer].is_string()) {
    return Fail(Code::kInternal,
                fmt::format("ConfigMap {} has no key {}", kAgentCaName, kAgentCaKey));
  }
  return object[pointer].get<std::string>();
}

}  // namespace nsdebug::kubectl
