#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "agent/asio.h"
#include "agent/server/exchange.h"
#include "agent/server/message.h"

struct ssl_ctx_st;

namespace nsdebug {

struct ConnectionLimits {
  uint32_t header_bytes = 0;
  uint64_t body_bytes = 0;
  std::chrono::milliseconds request_timeout{0};  ///< handshake; first header; body; an upgrade
  std::chrono::milliseconds idle_timeout{0};     ///< between requests; writing an answer
};

/// Answers a request. Runs on the connection's strand and must not throw for what a client sent.
using RequestHandler = std::function<asio::awaitable<Response>(Request*, Exchange*)>;

/// Told of an answer to what was no request, such as too long a header: its status.
using RefusalListener = std::function<void(int status)>;

/// Serves one accepted connection until it ends: requests in their order, kept alive between them,
/// or one upgrade. `limits`, `handler` and `on_refusal` outlive the connection.
asio::awaitable<void> ServeConnection(asio::ip::tcp::socket socket, std::shared_ptr<ssl_ctx_st> tls,
                                      const ConnectionLimits& limits, const RequestHandler& handler,
                                      const RefusalListener& on_refusal);

}  // namespace nsdebug
