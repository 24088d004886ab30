#include "agent/server/api.h"

#include <string>
#include <string_view>

#include "agent/openapi/openapi.h"
#include "agent/pods/discovery.h"
#include "agent/server/status_response.h"

namespace nsdebug {

namespace {

/// A handler that has its answer at once.
template <class Answer>
RequestHandler Now(Answer answer) {
  return [answer](Request* request, Exchange*) -> asio::awaitable<Response> {
    co_return answer(*request);
  };
}

RequestHandler Document(std::string_view text) {
  return Now([text](const Request&) {
    Response response;
    response.body = text;
    return response;
  });
}

}  // namespace

Router::Handlers MakeHandlers(const ExecHandler* exec, const PodsHandler* pods,
                              const SessionsHandler* sessions) {
  const auto stream = [exec](ExecHandler::Dialect dialect) {
    return [exec, dialect](Request* request, Exchange* exchange) {
      return exec->Stream(*request, exchange, dialect);
    };
  };
  const auto once = [exec](Request* request, Exchange* exchange) {
    return exec->Once(request, exchange);
  };
  const auto access = [exec](Request* request, Exchange*) { return exec->ExplainAccess(*request); };
  return {
      {Endpoint::kPodExec, stream(ExecHandler::Dialect::kOwn)},
      {Endpoint::kPodExecOnce, once},
      {Endpoint::kNodeExec, stream(ExecHandler::Dialect::kOwn)},
      {Endpoint::kNodeExecOnce, once},
      {Endpoint::kPodAccess, access},
      {Endpoint::kNodeAccess, access},
      {Endpoint::kExplainPod,
       [pods](Request* request, Exchange*) { return pods->Explain(*request); }},
      {Endpoint::kListPods, [pods](Request* request, Exchange*) { return pods->List(*request); }},
      {Endpoint::kListSessions, Now([sessions](const Request&) { return sessions->List(); })},
      {Endpoint::kEndSession,
       Now([sessions](const Request& request) { return sessions->End(request); })},
      {Endpoint::kOpenApi, Document(OpenApiDocument())},
      {Endpoint::kVersion, Document(VersionJson())},
      {Endpoint::kStockExec, stream(ExecHandler::Dialect::kStock)},
      {Endpoint::kStockExecSpdy,
       [exec](Request* request, Exchange*) { return exec->RefuseSpdy(*request); }},
      {Endpoint::kStockPod,
       [pods](Request* request, Exchange*) { return pods->StockPod(*request); }},
      {Endpoint::kStockNamespace, Now([](const Request&) {
         return StatusResponse(501, "NotImplemented",
                               "the agent knows the pods of its node, not namespaces");
       })},
      {Endpoint::kApiVersions, Document(ApiVersionsJson())},
      {Endpoint::kApiGroups, Document(ApiGroupListJson())},
      {Endpoint::kCoreResources, Document(CoreResourceListJson())},
  };
}

}  // namespace nsdebug
