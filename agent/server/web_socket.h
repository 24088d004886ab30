#pragma once

#include <chrono>
#include <vector>

#include "agent/server/async_mutex.h"
#include "agent/server/beast.h"
#include "agent/server/exchange.h"
#include "remotecommand/frame.h"

namespace nsdebug {

/// A streamed exec over WebSocket, in the protocol of remotecommand/.
class WebSocket final : public ExecStream {
 public:
  WebSocket(TlsStream stream, const Subprotocol& subprotocol, std::chrono::milliseconds timeout);

  /// Answers 101 to `request` and tells the client that the stream stands.
  asio::awaitable<Result<void>> Accept(const http::request<http::string_body>& request);

  asio::awaitable<ClientInput> Read() override;
  asio::awaitable<Result<void>> KeepAlive() override;
  asio::awaitable<Result<void>> Write(Output output, std::string_view data) override;
  asio::awaitable<void> Finish(std::string status) override;
  void Abort() override;

 private:
  // permessage-deflate: a terminal has little to save, and each session would hold its windows.
  static constexpr bool kCompresses = false;

  asio::awaitable<Result<void>> Send(Channel channel, std::string_view data);
  asio::awaitable<void> SendStatus(const std::string& status);
  asio::awaitable<void> Wait() const;
  ClientInput Gone(std::string reason);

  websocket::stream<TlsStream, kCompresses> socket_;
  Subprotocol subprotocol_;
  const std::chrono::milliseconds timeout_;
  FrameDecoder decoder_;
  AsyncMutex writing_;
  std::vector<char> in_;
  bool busy_ = false;
  std::string reason_;
  bool gone_ = false;
};

}  // namespace nsdebug
