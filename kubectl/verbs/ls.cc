#include "kubectl/verbs/ls.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "kubectl/exit_code.h"
#include "kubectl/verbs/agent_answer.h"
#include "kubectl/verbs/table.h"
#include "kubectl/verbs/version.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

/// "app(running),init(exited)"
std::string Containers(const ordered_json& pod) {
  std::string text;
  for (const ordered_json& container : ListOf(pod, "containers")) {
    if (!text.empty()) text += ',';
    text += fmt::format("{}({})", TextOf(container, "name"), TextOf(container, "state"));
  }
  return text;
}

std::string HealthOf(const NodeReport& report) {
  return report.trouble.empty() ? "ready" : report.trouble;
}

void AddPods(Table& table, const std::string& node, const ordered_json& list, bool is_wide) {
  for (const ordered_json& pod : ListOf(list, "items")) {
    std::vector<std::string> row = {node,
                                    TextOf(pod, "namespace"),
                                    TextOf(pod, "name"),
                                    TextOf(pod, "state"),
                                    Containers(pod),
                                    AgeOf(TextOf(pod, "created"))};
    if (is_wide) row.push_back(TextOf(pod, "uid"));
    table.Add(std::move(row));
  }
}

ordered_json AgentDocument(const NodeReport& report) {
  ordered_json agent = {{"node", report.node}, {"name", report.agent}};
  agent["ready"] = report.trouble.empty();
  if (!report.version.empty()) agent["version"] = report.version;
  if (!report.trouble.empty()) agent["reason"] = report.trouble;
  return agent;
}

asio::awaitable<NodeReport> ReportOf(ReachedAgent* reached, std::string path) {
  NodeReport report{reached->node, reached->name, reached->trouble, {}, {}, reached->exit_code};
  if (!reached->agent) co_return report;
  Result<std::string> version = co_await reached->agent->Get(std::string(kVersionPath));
  if (version) report.version = VersionOf(*version);
  Result<std::string> pods = co_await reached->agent->Get(std::move(path));
  if (pods) {
    report.pod_list = std::move(*pods);
  } else {
    report.exit_code = ExitCodeOf(Peer::kAgent, pods.error());
    report.trouble = std::move(pods.error().message);
  }
  co_return report;
}

}  // namespace

Result<std::string> ShowNodes(const std::vector<NodeReport>& reports, OutputFormat format) {
  const bool is_wide = format == OutputFormat::kWide;
  Table agents({"NODE", "AGENT", "VERSION", "STATUS"});
  std::vector<std::string> head = {"NODE", "NAMESPACE", "POD", "STATE", "CONTAINERS", "AGE"};
  if (is_wide) head.push_back("UID");
  Table pods(std::move(head));
  ordered_json document = {{"agents", ordered_json::array()}, {"pods", ordered_json::array()}};
  bool is_truncated = false;
  for (const NodeReport& report : reports) {
    std::string node = report.node;
    NodeReport known = report;
    if (!report.pod_list.empty()) {
      Result<ordered_json> list = ParseAnswer(report.pod_list);
      if (!list) return Propagate(std::move(list.error()));
      if (node.empty()) node = known.node = TextOf(*list, "node");
      is_truncated = is_truncated || TextOf(*list, "truncated") == "true";
      AddPods(pods, node, *list, is_wide);
      for (ordered_json pod : ListOf(*list, "items")) {
        pod["node"] = node;
        document["pods"].push_back(std::move(pod));
      }
    }
    agents.Add({node, report.agent, report.version, HealthOf(report)});
    document["agents"].push_back(AgentDocument(known));
  }
  if (format == OutputFormat::kJson || format == OutputFormat::kYaml) {
    return Render(document, format);
  }
  std::string text = agents.Text();
  if (!pods.empty()) text += "\n" + pods.Text();
  if (is_truncated) text += "\nnot all of the pods: an agent lists a bounded number of them\n";
  return text;
}

asio::awaitable<int> RunLs(const Connector* connector, bool all_namespaces, OutputFormat format) {
  std::string path(kAgentApi);
  if (!all_namespaces) path += "/namespaces/" + connector->name_space;
  path += "/pods";
  std::function<asio::awaitable<NodeReport>(ReachedAgent*)> ask = [&path](ReachedAgent* agent) {
    return ReportOf(agent, path);
  };
  OrExit<std::vector<NodeReport>> reports = co_await AnswersOfAgents(connector, std::move(ask));
  if (!reports) co_return reports.error();
  int exit_code = 0;
  for (const NodeReport& report : *reports) {
    if (report.exit_code != 0) exit_code = report.exit_code;
  }
  Result<std::string> text = ShowNodes(*reports, format);
  if (!text) co_return SayAgentError(text.error());
  const int printed = Print(*text);
  co_return printed != 0 ? printed : exit_code;
}

}  // namespace nsdebug::kubectl
