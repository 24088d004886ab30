#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <string>

#include "agent/asio.h"

namespace nsdebug {

/// The plain listener's three paths, which say nothing about anybody: /healthz, /readyz, /metrics.
struct HealthAnswers {
  /// Empty when the agent can serve, else what is missing, one line each. Blocks; run off the loop.
  std::function<asio::awaitable<std::string>()> readiness;
  std::function<std::string()> metrics;
};

/// The plain listener's connections, one answer each. Any thread.
///
/// Whoever is in the pod network reaches this port, and kubelet restarts an agent whose probe it
/// does not answer. So when there are too many the oldest is dropped and not the newest: a probe is
/// answered long before it is the oldest.
class HealthServer {
 public:
  HealthServer(HealthAnswers answers, size_t max_connections)
      : answers_(std::move(answers)), max_connections_(max_connections) {}

  /// Serves one connection, on the strand of its socket. This outlives it.
  asio::awaitable<void> Serve(asio::ip::tcp::socket socket);

 private:
  class Place;
  using Drop = std::function<void()>;  ///< may be called from any thread, at any time

  const HealthAnswers answers_;
  const size_t max_connections_;
  std::mutex mutex_;
  std::list<Drop> open_;  ///< the oldest first; guarded by mutex_
};

}  // namespace nsdebug
