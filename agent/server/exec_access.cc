// What an exec takes of its caller, asked for it; and what it would take, which is the same
// questions, but all of them.

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "agent/server/exec_handler.h"
#include "agent/server/status_response.h"

namespace nsdebug {

namespace {

using nlohmann::ordered_json;

/// One question and its answer.
struct Answered {
  Attributes attributes;
  bool allowed = false;
  std::string message;  ///< why not
};

ordered_json ToJson(const Answered& one) {
  const Attributes& asked = one.attributes;
  std::string resource = asked.resource;
  if (!asked.subresource.empty()) resource += "/" + asked.subresource;
  ordered_json item = {{"verb", asked.verb}, {"group", asked.group}, {"resource", resource}};
  if (!asked.resource_namespace.empty()) item["namespace"] = asked.resource_namespace;
  item["name"] = asked.name;
  item["allowed"] = one.allowed;
  if (!one.allowed) item["message"] = one.message;
  return item;
}

bool AllAllowed(const std::vector<Answered>& answers) {
  for (const Answered& one : answers) {
    if (!one.allowed) return false;
  }
  return true;
}

Response ToResponse(const std::vector<Answered>& answers, bool is_complete,
                    const std::string& node) {
  ordered_json document = {{"kind", "AccessExplanation"},
                           {"apiVersion", "ns-debug.io/v1alpha1"},
                           {"node", node},
                           {"allowed", is_complete && AllAllowed(answers)},
                           {"complete", is_complete},
                           {"questions", ordered_json::array()}};
  for (const Answered& one : answers) document["questions"].push_back(ToJson(one));
  Response response;
  response.body = document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace

/// `use` on the profile; and what shows the agent's own files is for nobody in its pod.
asio::awaitable<Result<void>> ExecHandler::CheckProfile(const Request& request,
                                                        const ExecRequest& exec) const {
  if (exec.spec.view == View::kHost && !parts_.config->standalone) {
    co_return Fail(Code::kInvalidArgument,
                   "view: host would be the agent's own files here, expected toolbox or "
                   "container; the node's files are in view container of the node");
  }
  const Attributes use = ProfileAttributes(request, exec);
  co_return co_await Authorize(request.identity, use);
}

asio::awaitable<Result<void>> ExecHandler::Authorize(const Identity& identity,
                                                     const Attributes& attributes) const {
  Result<void> allowed = co_await parts_.access->Authorize(identity, attributes);
  if (!allowed && IsUnanswered(allowed.error().code)) {
    parts_.metrics->CountApiServerError(CodeName(allowed.error().code));
  }
  co_return allowed;
}

/// In the pod's namespace, so that a role there can grant it there; for a node, in none.
Attributes ExecHandler::ProfileAttributes(const Request& request, const ExecRequest& exec) const {
  return {"use",
          kApiGroup,
          "profiles",
          {},
          request.Parameter("namespace"),
          std::string(exec.spec.profile->name)};
}

Attributes ExecHandler::NodeAttributes() const {
  return {"create", kApiGroup, "nodes", "exec", {}, parts_.config->node_name};
}

/// Entering a target that shares the node's namespaces is entering the node. Of a node it is no
/// question of its own: the route itself asks it.
bool ExecHandler::EntersNode(const ExecRequest& exec, const FoundTarget& found) {
  return found.host_namespaces && (exec.spec.view == View::kHost ||
                                   found.host_namespaces->RequiresNodeAccess(exec.spec.namespaces));
}

asio::awaitable<Result<void>> ExecHandler::CheckNodeAccess(const Request& request,
                                                           bool enters_node) const {
  if (!enters_node) co_return Result<void>();
  const Attributes node = NodeAttributes();
  Result<void> allowed = co_await Authorize(request.identity, node);
  if (!allowed) {
    co_return Propagate(std::move(allowed.error()),
                        "the session would be in namespaces of the node");
  }
  co_return Result<void>();
}

asio::awaitable<Response> ExecHandler::ExplainAccess(const Request& request) const {
  Result<ExecRequest> exec = ParseExecQuery(request.query, Defaults(request, Dialect::kOwn));
  if (!exec) co_return StatusResponse(exec.error());
  const bool is_node = request.parameters.contains("node");
  std::vector<Attributes> questions;
  questions.push_back({"create", kApiGroup, is_node ? "nodes" : "pods", "exec",
                       request.Parameter("namespace"),
                       request.Parameter(is_node ? "node" : "pod")});
  questions.push_back(ProfileAttributes(request, *exec));

  std::vector<Answered> answers;
  const auto ask = [&](const Attributes& attributes) -> asio::awaitable<Result<void>> {
    Result<void> allowed = co_await Authorize(request.identity, attributes);
    // Everything else is no answer.
    if (!allowed && allowed.error().code != Code::kPermissionDenied) co_return allowed;
    answers.push_back({attributes, allowed.has_value(), allowed ? "" : allowed.error().message});
    co_return Result<void>();
  };
  for (const Attributes& one : questions) {
    Result<void> asked = co_await ask(one);
    if (!asked) co_return StatusResponse(asked.error());
  }
  const std::string& node = parts_.config->node_name;
  // Whether the pod is here, and what it shares, is for those who may enter it.
  if (!AllAllowed(answers)) co_return ToResponse(answers, is_node, node);
  Result<void> checked = co_await CheckProfile(request, *exec);
  if (!checked) co_return StatusResponse(checked.error());
  Result<FoundTarget> found = co_await FindTarget(request, *exec);
  if (!found) co_return StatusResponse(found.error());
  if (EntersNode(*exec, *found)) {
    const Attributes attributes = NodeAttributes();
    Result<void> asked = co_await ask(attributes);
    if (!asked) co_return StatusResponse(asked.error());
  }
  co_return ToResponse(answers, true, node);
}

}  // namespace nsdebug
