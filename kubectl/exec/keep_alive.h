#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kubectl/transport/asio.h"
#include "kubectl/transport/web_socket.h"

namespace nsdebug::kubectl {

/// Tells a path that died without a word from a command that has nothing to say: pings the other
/// side of a session, and closes the connection when it stays silent.
class KeepAlive {
 public:
  /// `socket` outlives it.
  explicit KeepAlive(WebSocketStream* socket);
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;

  /// Around each read: while we read nothing, for our own stdout is slow, the other side cannot be
  /// heard.
  void BeginListening();
  void EndListening() { is_listening_ = false; }
  /// Behind input that the command does not take, a ping is not seen either.
  void CountInput(size_t bytes) { sent_ += bytes; }

  /// Asks for pings until it is cancelled; `ping` leads to Ping().
  asio::awaitable<void> Run(std::function<asio::awaitable<void>()> ping);
  asio::awaitable<void> Ping();

  /// Of a read that failed.
  std::string WhyLost(const boost::system::error_code& error) const;

 private:
  bool IsSilentTooLong() const;

  WebSocketStream* const socket_;
  bool is_listening_ = false;
  int silent_ticks_ = 0;    ///< since the last sign of life, or since we began to listen
  bool is_silent_ = false;  ///< for too long
  uint64_t sent_ = 0;       ///< bytes of input
  uint64_t answered_ = 0;   ///< of them, those that the other side has seen
};

}  // namespace nsdebug::kubectl
