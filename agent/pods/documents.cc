#include "agent/pods/documents.h"

#include <nlohmann/json.hpp>

namespace nsdebug {

namespace {

using nlohmann::ordered_json;

ordered_json NewDocument(const char* kind, std::string_view node) {
  return {{"kind", kind}, {"apiVersion", "ns-debug.io/v1alpha1"}, {"node", node}};
}

std::string TextOf(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json ContainerItem(const cri::Container& container) {
  ordered_json item = {{"name", Bounded(container.name)}, {"id", Bounded(container.id)}};
  if (const std::string kind = KindOf(container); !kind.empty()) item["kind"] = kind;
  item["state"] = StateName(container.state);
  item["restarts"] = container.attempt;
  const std::string created = TimeText(container.created_at);
  if (!created.empty()) item["created"] = created;
  return item;
}

ordered_json PodFacts(const Pod& pod) {
  const cri::PodSandbox& sandbox = pod.sandbox;
  const bool is_ready = sandbox.state == cri::SandboxState::kReady;
  ordered_json item = {{"namespace", Bounded(sandbox.pod_namespace)},
                       {"name", Bounded(sandbox.name)},
                       {"uid", Bounded(sandbox.uid)},
                       {"state", is_ready ? "ready" : "notReady"},
                       {"sandboxId", Bounded(sandbox.id)}};
  if (!sandbox.runtime_handler.empty()) item["runtimeHandler"] = Bounded(sandbox.runtime_handler);
  const std::string created = TimeText(sandbox.created_at);
  if (!created.empty()) item["created"] = created;
  if (pod.truncated) item["truncated"] = true;
  return item;
}

ordered_json NamespaceItems(const HostNamespaces& namespaces) {
  ordered_json items = ordered_json::array();
  for (const TargetNamespace& one : namespaces.namespaces) {
    ordered_json item = {{"kind", one.kind}};
    if (one.inode != 0) item["inode"] = one.inode;
    item["sharedWithNode"] = one.is_nodes;
    items.push_back(std::move(item));
  }
  return items;
}

void AddEntry(const Entry& entry, ordered_json* item) {
  (*item)["canEnter"] = entry.refusal.empty();
  if (!entry.refusal.empty()) {
    (*item)["reason"] = Bounded(entry.refusal);
    return;
  }
  if (entry.pid > 0) (*item)["pid"] = entry.pid;
  if (entry.user) (*item)["user"] = {{"uid", entry.user->uid}, {"gid", entry.user->gid}};
  if (!entry.security_label.empty()) (*item)["securityLabel"] = Bounded(entry.security_label);
  (*item)["requiresNodeAccess"] = entry.namespaces.RequiresNodeAccess();
  (*item)["namespaces"] = NamespaceItems(entry.namespaces);
}

}  // namespace

std::string PodListJson(const PodList& list, std::string_view node) {
  ordered_json document = NewDocument("PodList", node);
  document["truncated"] = list.truncated;
  document["items"] = ordered_json::array();
  for (const Pod& pod : list.pods) {
    ordered_json item = PodFacts(pod);
    item["containers"] = ordered_json::array();
    for (const cri::Container& container : pod.containers) {
      item["containers"].push_back(ContainerItem(container));
    }
    document["items"].push_back(std::move(item));
  }
  return TextOf(document);
}

std::string PodExplanationJson(const PodExplanation& explanation, std::string_view node) {
  ordered_json document = NewDocument("PodExplanation", node);
  document.update(PodFacts(explanation.pod));
  ordered_json sandbox = ordered_json::object();
  AddEntry(explanation.sandbox, &sandbox);
  document["sandbox"] = std::move(sandbox);
  document["containers"] = ordered_json::array();
  for (size_t i = 0; i < explanation.containers.size(); ++i) {
    ordered_json item = ContainerItem(explanation.pod.containers[i]);
    AddEntry(explanation.containers[i], &item);
    document["containers"].push_back(std::move(item));
  }
  return TextOf(document);
}

}  // namespace nsdebug
