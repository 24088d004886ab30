#include "agent/server/pods_handler.h"

#include <utility>

#include "agent/pods/documents.h"
#include "agent/pods/stock_pod.h"
#include "agent/server/status_response.h"

namespace nsdebug {

Response PodsHandler::ToResponse(Result<std::string> body) const {
  if (!body) {
    if (IsUnanswered(body.error().code)) metrics_->CountRuntimeError(CodeName(body.error().code));
    return StatusResponse(body.error());
  }
  Response response;
  response.body = std::move(*body);
  return response;
}

asio::awaitable<Response> PodsHandler::List(const Request& request) const {
  co_return ToResponse(co_await pool_->Run([&]() -> Result<std::string> {
    Result<PodList> list = ListPods(runtime_, request.Parameter("namespace"));
    if (!list) return Propagate(std::move(list.error()));
    return PodListJson(*list, node_);
  }));
}

asio::awaitable<Response> PodsHandler::Explain(const Request& request) const {
  co_return ToResponse(co_await pool_->Run([&]() -> Result<std::string> {
    Result<PodExplanation> explanation =
        ExplainPod(runtime_, request.Parameter("namespace"), request.Parameter("pod"));
    if (!explanation) return Propagate(std::move(explanation.error()));
    return PodExplanationJson(*explanation, node_);
  }));
}

asio::awaitable<Response> PodsHandler::StockPod(const Request& request) const {
  co_return ToResponse(co_await pool_->Run([&] {
    return GetStockPod(runtime_, request.Parameter("namespace"), request.Parameter("pod"), node_);
  }));
}

}  // namespace nsdebug
