#include "kubectl/verbs/sessions.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "kubectl/exit_code.h"
#include "kubectl/verbs/agent_answer.h"
#include "kubectl/verbs/table.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxSessionIdBytes = 64;

/// "pod/web", or "node/node-1"
std::string TargetOf(const ordered_json& session) {
  const std::string pod = TextOf(session, "pod");
  return pod.empty() ? "node/" + TextOf(session, "node") : "pod/" + pod;
}

std::string CommandOf(const ordered_json& session) {
  std::string text;
  for (const ordered_json& word : ListOf(session, "command")) {
    if (!text.empty()) text += ' ';
    if (word.is_string()) text += word.get_ref<const std::string&>();
  }
  return text.empty() ? "(a shell)" : text;
}

void AddSession(Table& table, const ordered_json& session, bool is_wide) {
  std::vector<std::string> row = {TextOf(session, "id"),           TextOf(session, "user"),
                                  TextOf(session, "namespace"),    TargetOf(session),
                                  TextOf(session, "container"),    TextOf(session, "node"),
                                  AgeOf(TextOf(session, "opened"))};
  if (is_wide) {
    for (const char* name : {"profile", "view", "source", "bytesIn", "bytesOut"}) {
      row.push_back(TextOf(session, name));
    }
  }
  row.push_back(CommandOf(session));
  table.Add(std::move(row));
}

}  // namespace

bool IsSessionId(std::string_view id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return !id.empty() && id.size() <= kMaxSessionIdBytes &&
         id.find_first_not_of(kDigits) == std::string_view::npos;
}

Result<std::string> ShowSessions(const std::vector<std::string>& lists, OutputFormat format) {
  const bool is_wide = format == OutputFormat::kWide;
  std::vector<std::string> head = {"ID", "USER", "NAMESPACE", "TARGET", "CONTAINER", "NODE", "AGE"};
  if (is_wide) head.insert(head.end(), {"PROFILE", "VIEW", "SOURCE", "IN", "OUT"});
  head.push_back("COMMAND");
  Table table(std::move(head));
  ordered_json document = {{"kind", "SessionList"},
                           {"apiVersion", "ns-debug.io/v1alpha1"},
                           {"items", ordered_json::array()}};
  for (const std::string& text : lists) {
    Result<ordered_json> list = ParseAnswer(text);
    if (!list) return Propagate(std::move(list.error()));
    for (const ordered_json& session : ListOf(*list, "items")) {
      AddSession(table, session, is_wide);
      document["items"].push_back(session);
    }
  }
  if (format == OutputFormat::kJson || format == OutputFormat::kYaml) {
    return Render(document, format);
  }
  return table.empty() ? std::string("no open sessions\n") : table.Text();
}

asio::awaitable<int> RunSessions(const Connector* connector, OutputFormat format) {
  OrExit<std::vector<ReachedAgent>> reached = co_await connector->to_agents();
  if (!reached) co_return reached.error();
  std::vector<std::string> lists;
  int exit_code = 0;
  for (ReachedAgent& one : *reached) {
    if (one.agent == nullptr) {
      std::fprintf(stderr, "error: agent %s: %s\n", one.name.c_str(), one.trouble.c_str());
      exit_code = kExitAgentMissing;
      continue;
    }
    Result<std::string> list = co_await one.agent->Get(std::string(kAgentApi) + "/sessions");
    if (list) lists.push_back(std::move(*list));
    if (!list) exit_code = SayAgentError(list.error());
  }
  if (lists.empty() && exit_code != 0) co_return exit_code;
  Result<std::string> text = ShowSessions(lists, format);
  if (!text) co_return SayAgentError(text.error());
  const int printed = Print(*text);
  co_return printed != 0 ? printed : exit_code;
}

asio::awaitable<int> RunEndSession(const Connector* connector, std::string id) {
  if (!IsSessionId(id)) {
    std::fprintf(stderr,
                 "error: '%s' is not the id of a session: `kubectl ns-debug sessions` "
                 "shows them\n",
                 Printable(id).c_str());
    co_return kExitUsage;
  }
  OrExit<std::vector<ReachedAgent>> reached = co_await connector->to_agents();
  if (!reached) co_return reached.error();
  const std::string path = fmt::format("{}/sessions/{}", kAgentApi, id);
  Error last{Code::kNotFound, fmt::format("no session {} on any node", id), 0};
  for (ReachedAgent& one : *reached) {
    if (one.agent == nullptr) {
      last = {Code::kUnavailable, fmt::format("agent {}: {}", one.name, one.trouble), 0};
      continue;
    }
    Result<std::string> ended = co_await one.agent->Send("DELETE", path, std::string());
    if (ended) co_return Print(fmt::format("session {} is being ended\n", id));
    if (ended.error().code != Code::kNotFound) last = std::move(ended.error());
  }
  co_return SayAgentError(last);
}

}  // namespace nsdebug::kubectl
