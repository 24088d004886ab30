#include "kubectl/verbs/can_i.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "kubectl/exit_code.h"
#include "kubectl/verbs/agent_answer.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

/// A pod's name would be of no use in a role: the next pod of its workload has another one.
bool NamesItsObject(const ordered_json& question) {
  return TextOf(question, "resource") != "pods/exec";
}

ordered_json RuleOf(const ordered_json& question) {
  const auto one = [&](const char* name) { return ordered_json::array({TextOf(question, name)}); };
  ordered_json rule;
  rule["apiGroups"] = one("group");
  rule["resources"] = one("resource");
  if (NamesItsObject(question)) rule["resourceNames"] = one("name");
  rule["verbs"] = one("verb");
  return rule;
}

/// The rules of one kind of role; empty when none is missing there.
std::string MissingRules(const ordered_json& access, bool has_namespace) {
  ordered_json rules = ordered_json::array();
  std::string name_space;
  for (const ordered_json& question : ListOf(access, "questions")) {
    if (TextOf(question, "allowed") == "true") continue;
    const std::string asked_in = TextOf(question, "namespace");
    if (asked_in.empty() == has_namespace) continue;
    name_space = asked_in;
    rules.push_back(RuleOf(question));
  }
  if (rules.empty()) return {};
  const std::string head =
      has_namespace ? fmt::format("# missing in a Role of namespace {}, or in a ClusterRole\n",
                                  Printable(name_space))
                    : std::string("# missing in a ClusterRole with a ClusterRoleBinding\n");
  return head + Render(rules, OutputFormat::kYaml);
}

bool IsAllowed(const ordered_json& access) { return TextOf(access, "allowed") == "true"; }

}  // namespace

Result<std::string> ShowAccess(const std::string& access, OutputFormat format) {
  Result<ordered_json> document = ParseAnswer(access);
  if (!document) return Propagate(std::move(document.error()));
  if (format == OutputFormat::kJson || format == OutputFormat::kYaml) {
    return Render(*document, format);
  }
  std::string profile;
  for (const ordered_json& question : ListOf(*document, "questions")) {
    if (TextOf(question, "resource") == "profiles") profile = Printable(TextOf(question, "name"));
  }
  if (IsAllowed(*document)) return fmt::format("yes, with profile {}\n", profile);
  std::string text = "no\n";
  text += MissingRules(*document, true);
  text += MissingRules(*document, false);
  if (TextOf(*document, "complete") != "true") {
    text +=
        "# a pod that shares the node's namespaces takes nodes/exec too; ask again with the "
        "rights above\n";
  }
  return text;
}

asio::awaitable<int> RunCanI(const Connector* connector, std::string target, OutputFormat format) {
  OrExit<ReachedTarget> reached = co_await connector->to_target(std::move(target));
  if (!reached) co_return reached.error();
  std::string path = AccessPath(reached->parameters);
  Result<std::string> access = co_await reached->agent->Get(std::move(path));
  if (!access) co_return SayAgentError(access.error());
  Result<std::string> text = ShowAccess(*access, format);
  if (!text) co_return SayAgentError(text.error());
  const int printed = Print(*text);
  if (printed != 0) co_return printed;
  Result<ordered_json> document = ParseAnswer(*access);
  co_return document&& IsAllowed(*document) ? 0 : kExitDenied;
}

}  // namespace nsdebug::kubectl
