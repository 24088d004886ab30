#pragma once

#include <string>

#include "agent/server/blocking_pool.h"
#include "agent/server/exchange.h"
#include "agent/server/message.h"
#include "agent/server/metrics.h"
#include "cri/runtime.h"

namespace nsdebug {

/// What runs on this node, and what a session would find in it.
class PodsHandler {
 public:
  /// `runtime`, `pool` and `metrics` outlive this.
  PodsHandler(cri::Runtime* runtime, BlockingPool* pool, Metrics* metrics, std::string node)
      : runtime_(runtime), pool_(pool), metrics_(metrics), node_(std::move(node)) {}

  asio::awaitable<Response> List(const Request& request) const;
  asio::awaitable<Response> Explain(const Request& request) const;
  /// For stock clients.
  asio::awaitable<Response> StockPod(const Request& request) const;

 private:
  Response ToResponse(Result<std::string> body) const;

  cri::Runtime* runtime_;
  BlockingPool* pool_;
  Metrics* metrics_;
  const std::string node_;
};

}  // namespace nsdebug
