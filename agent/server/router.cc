#include "agent/server/router.h"

#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/server/status_response.h"
#include "base/log.h"

namespace nsdebug {

namespace {

// No user has the empty name.
const std::string kNobody;

constexpr std::string_view kNotIdentified =
    "the agent could not find out who you are: try again; its log and its audit log say why";

}  // namespace

asio::awaitable<Response> Router::Handle(Request* request, Exchange* exchange) const {
  const std::shared_ptr<void> counted = parts_.requests->Enter();
  const Route* route = nullptr;
  Response response;
  if (counted) {
    response = co_await AnswerAdmitted(request, exchange, &route);
  } else {
    response = StatusResponse(503, ReasonOf(Code::kUnavailable),
                              "the agent is stopping: try again when it has been restarted");
    response.is_last = true;
  }
  // An upgrade that was accepted answered 101.
  const int status = response.status == 0 ? 101 : response.status;
  parts_.metrics->CountRequest(route != nullptr ? route->path : "none",
                               route != nullptr ? route->method : "any", status);
  Log(LogLevel::kDebug, "request",
      {{"request", request->id},
       {"source", request->remote},
       {"user", request->identity.user},
       {"method", request->method},
       {"status", status}});
  using Held = std::pair<std::shared_ptr<void>, std::shared_ptr<void>>;
  response.until_sent = std::make_shared<Held>(std::move(response.until_sent), counted);
  co_return response;
}

asio::awaitable<Response> Router::AnswerAdmitted(Request* request, Exchange* exchange,
                                                 const Route** route) const {
  Result<const Route*> admitted = co_await Admit(request);
  if (!admitted) co_return co_await Refuse(*request, admitted.error());
  if (*admitted == nullptr) {
    Response response = StatusResponse(405, "MethodNotAllowed", "this path has no such method");
    response.headers.emplace_back("Allow", AllowedMethods(request->segments));
    co_return response;
  }
  *route = *admitted;
  std::optional<Response> unreadable = co_await exchange->ReadBody(request);
  if (unreadable) co_return *std::move(unreadable);
  co_return co_await Answer(**route, request, exchange);
}

asio::awaitable<Response> Router::Refuse(const Request& request, const Error& error) const {
  if (error.code != Code::kNotFound) co_await NoteDenial(request, error);
  // Why it could not be found out is about files of the node and its API server: not for somebody
  // who may be anybody.
  const bool is_unknown = request.identity.user.empty() && error.code != Code::kUnauthenticated;
  if (!is_unknown) co_return StatusResponse(error);
  co_return StatusResponse(HttpStatusOf(error.code), ReasonOf(error.code), kNotIdentified);
}

/// Nothing that a handler throws reaches the connection.
asio::awaitable<Response> Router::Answer(const Route& route, Request* request,
                                         Exchange* exchange) const {
  try {
    co_return co_await handlers_.at(route.endpoint)(request, exchange);
  } catch (const std::exception&) {
    // What it says may hold anything of the request; the metric counts it.
  }
  co_return StatusResponse(500, "InternalError", "the agent failed to answer this request");
}

asio::awaitable<void> Router::NoteDenial(const Request& request, const Error& error) const {
  if (IsUnanswered(error.code)) parts_.metrics->CountApiServerError(CodeName(error.code));
  parts_.metrics->CountDenial(CodeName(error.code));
  // A line for each would be the flood that the limit is there for.
  if (error.code == Code::kResourceExhausted) co_return;
  // Whoever has no name must not fill the disk either.
  if (request.identity.user.empty() && !parts_.rate_limit->Take(kNobody)) co_return;
  if (request.identity.user.empty() && error.code != Code::kUnauthenticated) {
    Log(LogLevel::kWarning, "caller not identified",
        {{"source", request.remote}, {"error", error.message}});
  }
  SessionDenied event;
  event.code = error.code;
  event.reason = error.message;
  event.subject.user = request.identity.user;
  event.subject.groups = request.identity.groups;
  event.subject.source = request.remote;
  event.subject.node = parts_.node;
  event.subject.pod_namespace = request.Parameter("namespace");
  event.subject.pod = request.Parameter("pod");
  // It was refused whether that can be written or not; the log itself says that it could not.
  AuditEvent written = std::move(event);
  (void)co_await parts_.audit->Write(std::move(written));
}

asio::awaitable<Result<const Route*>> Router::Admit(Request* request) const {
  // Who first: what exists is nobody's business who may not ask.
  Result<Identity> identity = co_await parts_.access->Authenticate(request->credentials);
  if (!identity) co_return Propagate(std::move(identity.error()));
  request->identity = std::move(*identity);
  if (Result<void> taken = parts_.rate_limit->Take(request->identity.user); !taken) {
    co_return Propagate(std::move(taken.error()));
  }
  std::optional<RouteMatch> match = FindRoute(request->method, request->segments);
  if (!match) {
    co_return Fail(Code::kNotFound, "no such path; GET /openapi/v3 describes those there are");
  }
  if (match->route == nullptr) co_return nullptr;
  request->parameters = std::move(match->parameters);
  if (std::optional<Attributes> question = AccessOf(*match->route, request->parameters)) {
    Result<void> allowed = co_await parts_.access->Authorize(request->identity, *question);
    if (!allowed) co_return Propagate(std::move(allowed.error()));
  }
  co_return match->route;
}

}  // namespace nsdebug
