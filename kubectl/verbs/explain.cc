#include "kubectl/verbs/explain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "kubectl/exit_code.h"
#include "kubectl/verbs/agent_answer.h"
#include "kubectl/verbs/can_i.h"
#include "kubectl/verbs/table.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

const ordered_json& ObjectOf(const ordered_json& object, const char* name) {
  static const ordered_json kEmpty = ordered_json::object();
  if (!object.is_object() || !object.contains(name)) return kEmpty;
  return object[name].is_object() ? object[name] : kEmpty;
}

/// "net,pid": the kinds that a target shares with its node, or with their inodes all of them.
std::string Namespaces(const ordered_json& entry, bool only_shared) {
  std::string text;
  for (const ordered_json& one : ListOf(entry, "namespaces")) {
    if (only_shared && TextOf(one, "sharedWithNode") != "true") continue;
    if (!text.empty()) text += ',';
    text += TextOf(one, "kind");
    if (!only_shared) text += ':' + TextOf(one, "inode");
  }
  return text;
}

void AddEntry(Table& table, std::string name, std::string state, const ordered_json& entry,
              bool is_wide) {
  const bool can_enter = TextOf(entry, "canEnter") == "true";
  const ordered_json& user = ObjectOf(entry, "user");
  std::string ids = TextOf(user, "uid");
  if (!ids.empty()) ids += ':' + TextOf(user, "gid");
  std::vector<std::string> row = {
      std::move(name),         std::move(state),
      TextOf(entry, "pid"),    std::move(ids),
      Namespaces(entry, true), can_enter ? "yes" : "no: " + TextOf(entry, "reason")};
  if (is_wide) {
    row.push_back(TextOf(entry, "id").substr(0, 13));
    row.push_back(Namespaces(entry, false));
    row.push_back(TextOf(entry, "securityLabel"));
  }
  table.Add(std::move(row));
}

std::string PodText(const ordered_json& pod, bool is_wide) {
  std::vector<std::string> head = {"CONTAINER", "STATE",           "PID",
                                   "USER",      "NODE-NAMESPACES", "CAN-BE-ENTERED"};
  if (is_wide) head.insert(head.end(), {"ID", "NAMESPACES", "SECURITY-LABEL"});
  Table table(std::move(head));
  for (const ordered_json& container : ListOf(pod, "containers")) {
    std::string name = TextOf(container, "name");
    const std::string kind = TextOf(container, "kind");
    if (!kind.empty()) name += " (" + kind + ")";
    AddEntry(table, std::move(name), TextOf(container, "state"), container, is_wide);
  }
  AddEntry(table, "(sandbox)", TextOf(pod, "state"), ObjectOf(pod, "sandbox"), is_wide);
  return fmt::format("pod {}/{} on node {}\n\n{}", Printable(TextOf(pod, "namespace")),
                     Printable(TextOf(pod, "name")), Printable(TextOf(pod, "node")), table.Text());
}

}  // namespace

Result<std::string> ShowExplanation(const std::string& explanation, const std::string& access,
                                    OutputFormat format) {
  ordered_json document = ordered_json::object();
  if (!explanation.empty()) {
    Result<ordered_json> parsed = ParseAnswer(explanation);
    if (!parsed) return Propagate(std::move(parsed.error()));
    document = std::move(*parsed);
  }
  Result<ordered_json> rights = ParseAnswer(access);
  if (!rights) return Propagate(std::move(rights.error()));
  if (format == OutputFormat::kJson || format == OutputFormat::kYaml) {
    document["access"] = std::move(*rights);
    return Render(document, format);
  }
  std::string text = explanation.empty()
                         ? fmt::format("node {}: its process 1, in all of its namespaces\n",
                                       Printable(TextOf(*rights, "node")))
                         : PodText(document, format == OutputFormat::kWide);
  Result<std::string> may = ShowAccess(access, OutputFormat::kText);
  if (!may) return Propagate(std::move(may.error()));
  return text + "\nMay you? " + *may;
}

asio::awaitable<int> RunExplain(const Connector* connector, std::string target,
                                OutputFormat format) {
  OrExit<ReachedTarget> reached = co_await connector->to_target(std::move(target));
  if (!reached) co_return reached.error();
  HttpClient& agent = *reached->agent;
  std::string access_path = AccessPath(reached->parameters);
  Result<std::string> explanation = std::string();
  if (!reached->parameters.pod.empty()) {
    std::string path = PodPath(reached->parameters);
    explanation = co_await agent.Get(std::move(path));
  }
  if (!explanation) co_return SayAgentError(explanation.error());
  Result<std::string> access = co_await agent.Get(std::move(access_path));
  if (!access) co_return SayAgentError(access.error());
  Result<std::string> text = ShowExplanation(*explanation, *access, format);
  if (!text) co_return SayAgentError(text.error());
  co_return Print(*text);
}

}  // namespace nsdebug::kubectl
