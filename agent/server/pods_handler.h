#pragma once

#include <string>

#include "agent/server/blocking_pool.h"
#include "agent/server/exchange.h"
#include "agent/server/message.h"
#include "cri/runtime.h"

namespace nsdebug {

/// What runs on this node, and what a session would find in it.
class PodsHandler {
 public:
  /// `runtime` and `pool` outlive this.
  PodsHandler(cri::Runtime* runtime, BlockingPool* pool, std::string node)
      : runtime_(runtime), pool_(pool), node_(std::move(node)) {}

  asio::awaitable<Response> List(const Request& request) const;
  asio::awaitable<Response> Explain(const Request& request) const;
  /// For stock clients.
  asio::awaitable<Response> StockPod(const Request& request) const;

 private:
  cri::Runtime* runtime_;
  BlockingPool* pool_;
  const std::string node_;
};

}  // namespace nsdebug
