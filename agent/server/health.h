#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "agent/asio.h"

namespace nsdebug {

/// The plain listener's three paths, which say nothing about anybody: /healthz, /readyz, /metrics.
struct HealthAnswers {
  /// Empty when the agent can serve, else what is missing, one line each. Blocks; run off the loop.
  std::function<asio::awaitable<std::string>()> readiness;
  std::function<std::string()> metrics;
};

/// Serves one connection of the plain listener. `answers` outlives it.
asio::awaitable<void> ServeHealth(asio::ip::tcp::socket socket, const HealthAnswers& answers);

}  // namespace nsdebug
