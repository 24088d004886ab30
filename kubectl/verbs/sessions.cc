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

/// What one agent said.
struct Answer {
  std::string agent;  ///< its name
  Result<std::string> body;
  int exit_code = 0;  ///< not 0: it could not be asked
};

asio::awaitable<Answer> Ask(ReachedAgent* reached, std::string method, std::string path) {
  Answer answer{reached->name, std::string(), 0};
  if (!reached->agent) {
    answer.body = Fail(Code::kUnavailable, reached->trouble);
    answer.exit_code = reached->exit_code;
  } else if (method == "GET") {
    answer.body = co_await reached->agent->Get(std::move(path));
  } else {
    answer.body = co_await reached->agent->Send(std::move(method), std::move(path), std::string());
  }
  co_return answer;
}

/// Of one that failed; the exit code.
int Say(const Answer& answer) {
  if (answer.exit_code == 0) return SayAgentError(answer.body.error());
  std::fprintf(stderr, "error: agent %s: %s\n", answer.agent.c_str(),
               answer.body.error().message.c_str());
  return answer.exit_code;
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
  std::function<asio::awaitable<Answer>(ReachedAgent*)> ask = [](ReachedAgent* agent) {
    return Ask(agent, "GET", std::string(kAgentApi) + "/sessions");
  };
  OrExit<std::vector<Answer>> answers = co_await AnswersOfAgents(connector, std::move(ask));
  if (!answers) co_return answers.error();
  std::vector<std::string> lists;
  int exit_code = 0;
  for (Answer& answer : *answers) {
    if (answer.body) lists.push_back(std::move(*answer.body));
    if (!answer.body) exit_code = Say(answer);
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
  const std::string path = fmt::format("{}/sessions/{}", kAgentApi, id);
  std::function<asio::awaitable<Answer>(ReachedAgent*)> ask = [&path](ReachedAgent* agent) {
    return Ask(agent, "DELETE", path);
  };
  OrExit<std::vector<Answer>> answers = co_await AnswersOfAgents(connector, std::move(ask));
  if (!answers) co_return answers.error();
  const Answer none{{}, Fail(Code::kNotFound, fmt::format("no session {} on any node", id)), 0};
  const Answer* worst = &none;
  for (const Answer& answer : *answers) {
    if (answer.body) co_return Print(fmt::format("session {} is being ended\n", id));
    if (answer.body.error().code != Code::kNotFound || answer.exit_code != 0) worst = &answer;
  }
  co_return Say(*worst);
}

}  // namespace nsdebug::kubectl
