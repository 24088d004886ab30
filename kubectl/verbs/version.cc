#include "kubectl/verbs/version.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/text.h"
#include "kubectl/exit_code.h"
#include "kubectl/verbs/agent_answer.h"
#include "kubectl/verbs/table.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kOwnVersion = "v" NS_DEBUG_VERSION;

/// "v1.2" of "v1.2.3-rc1"
std::string_view MinorOf(std::string_view version) {
  const size_t first = version.find('.');
  if (first == std::string_view::npos) return version;
  return version.substr(0, version.find('.', first + 1));
}

struct AgentVersion {
  std::string node;
  std::string name;
  std::string version;
  std::string trouble;
  int exit_code = 0;
};

asio::awaitable<AgentVersion> Ask(ReachedAgent* reached) {
  AgentVersion one{reached->node, reached->name, {}, reached->trouble, reached->exit_code};
  if (!reached->agent) co_return one;
  Result<std::string> answer = co_await reached->agent->Get(std::string(kVersionPath));
  if (answer) one.version = VersionOf(*answer);
  if (!answer) {
    one.exit_code = ExitCodeOf(Peer::kAgent, answer.error());
    one.trouble = std::move(answer.error().message);
  }
  co_return one;
}

std::string Show(const std::vector<AgentVersion>& agents, OutputFormat format) {
  ordered_json document = {{"client", kOwnVersion}, {"agents", ordered_json::array()}};
  Table table({"NODE", "AGENT", "VERSION"});
  for (const AgentVersion& one : agents) {
    ordered_json item = {{"node", one.node}, {"name", one.name}};
    if (!one.version.empty()) item["version"] = one.version;
    if (!one.trouble.empty()) item["reason"] = one.trouble;
    document["agents"].push_back(std::move(item));
    table.Add({one.node, one.name, one.trouble.empty() ? one.version : one.trouble});
  }
  if (format == OutputFormat::kJson || format == OutputFormat::kYaml) {
    return Render(document, format);
  }
  std::string text = fmt::format("client {}\n", kOwnVersion);
  if (!table.empty()) text += "\n" + table.Text();
  return text;
}

}  // namespace

std::string VersionOf(const std::string& answer) {
  Result<ordered_json> document = ParseAnswer(answer);
  return document ? Printable(TextOf(*document, "gitVersion")) : std::string();
}

std::string SkewWarning(std::string_view client, std::string_view agent, std::string_view name) {
  if (agent.empty() || MinorOf(client) == MinorOf(agent)) return {};
  return fmt::format("warning: this is {}, and the agent {} is {}: install the same for both",
                     client, name, agent);
}

asio::awaitable<int> RunVersion(const Connector* connector, OutputFormat format) {
  std::vector<AgentVersion> agents;
  int exit_code = 0;
  if (connector != nullptr) {
    std::function<asio::awaitable<AgentVersion>(ReachedAgent*)> ask = &Ask;
    OrExit<std::vector<AgentVersion>> asked = co_await AnswersOfAgents(connector, std::move(ask));
    if (!asked) exit_code = asked.error();
    if (asked) agents = std::move(*asked);
  }
  for (const AgentVersion& one : agents) {
    if (one.exit_code != 0) exit_code = one.exit_code;
  }
  const std::string text = Show(agents, format);
  const int printed = Print(text);
  if (printed != 0) co_return printed;
  for (const AgentVersion& one : agents) {
    const std::string warning = SkewWarning(kOwnVersion, one.version, one.name);
    if (!warning.empty()) std::fprintf(stderr, "%s\n", warning.c_str());
  }
  co_return exit_code;
}

}  // namespace nsdebug::kubectl
