#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/asio.h"
#include "base/error.h"

namespace nsdebug {

/// A listening TCP socket, and the number of connections that came from it. Its functions may be
/// called from any thread.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  /// Serves one accepted connection, on a strand of its own.
  using Serve = std::function<asio::awaitable<void>(asio::ip::tcp::socket)>;

  /// Binds at once: a port that is taken must show at the start. `address` is an IP address; port 0
  /// takes any free one. kUnavailable names address and port.
  static Result<std::shared_ptr<Listener>> Bind(asio::io_context* context,
                                                const std::string& address, uint16_t port,
                                                uint64_t max_connections);

  /// Accepts until Stop(). Above `max_connections` a new one is closed at once: those there are may
  /// be sessions.
  void Start(Serve serve);
  void Stop();

  uint16_t port() const;

 private:
  Listener(asio::io_context* context, uint64_t max_connections);

  asio::awaitable<void> AcceptAll(Serve serve);
  void ServeOne(asio::ip::tcp::socket socket, const Serve& serve);

  asio::io_context* context_;
  const uint64_t max_connections_;
  asio::strand<asio::io_context::executor_type> strand_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::atomic<uint64_t> connections_ = 0;
};

}  // namespace nsdebug
