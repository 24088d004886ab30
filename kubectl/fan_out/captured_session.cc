#include "kubectl/fan_out/captured_session.h"

#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kubectl/exec/keep_alive.h"
#include "kubectl/exec/session_output.h"
#include "kubectl/transport/web_socket.h"
#include "remotecommand/channel.h"

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;
using namespace boost::asio::experimental::awaitable_operators;

constexpr size_t kReadBytes = 64 << 10;

/// A session whose output somebody takes.
class CapturedSession {
 public:
  CapturedSession(std::unique_ptr<WebSocketStream> socket, TakeOutput take)
      : socket_(std::move(socket)), take_(std::move(take)), keep_alive_(socket_.get()) {}

  asio::awaitable<Result<ExecStatus>> Run() {
    // Nobody else writes: a ping can be sent at any time.
    auto first = co_await (Receive() || keep_alive_.Run([this] { return keep_alive_.Ping(); }));
    if (first.index() == 0) co_return std::get<0>(std::move(first));
    co_return Fail(Code::kUnavailable, "the connection to the agent was lost");
  }

 private:
  asio::awaitable<Result<ExecStatus>> Receive() {
    std::vector<char> buffer(kReadBytes);
    for (;;) {
      keep_alive_.BeginListening();
      auto [error, count] = co_await socket_->async_read_some(asio::buffer(buffer), kAwait);
      keep_alive_.EndListening();
      if (error == websocket::error::closed &&
          socket_->reason().code == websocket::close_code::normal) {
        co_return received_.Status();
      }
      if (error) co_return Fail(Code::kUnavailable, keep_alive_.WhyLost(error));
      Result<void> taken = Take({buffer.data(), count});
      if (!taken) co_return Propagate(std::move(taken.error()));
    }
  }

  Result<void> Take(std::string_view piece) {
    Result<SessionOutput::Piece> output = received_.Take(piece, socket_->is_message_done());
    if (!output) return Propagate(std::move(output.error()));
    if (output->data.empty()) return {};
    const int fd = output->channel == Channel::kStdout ? STDOUT_FILENO : STDERR_FILENO;
    if (take_(fd, output->data)) return {};
    return Fail(Code::kAborted, "nobody reads the output any more");
  }

  std::unique_ptr<WebSocketStream> socket_;
  TakeOutput take_;
  SessionOutput received_;
  KeepAlive keep_alive_;
};

}  // namespace

asio::awaitable<Result<ExecStatus>> RunCaptured(std::unique_ptr<HttpClient> agent,
                                                ExecParameters parameters, TakeOutput take) {
  std::string chosen;
  std::string path = ExecPath(parameters);
  // Both have binary messages, which is all that is needed without input.
  std::vector<std::string> offered = {std::string(kV5), std::string(kV4)};
  Result<std::unique_ptr<WebSocketStream>> socket =
      co_await OpenWebSocket(std::move(agent), std::move(path), std::move(offered), &chosen);
  if (!socket) co_return Propagate(std::move(socket.error()));
  CapturedSession session(std::move(*socket), std::move(take));
  co_return co_await session.Run();
}

}  // namespace nsdebug::kubectl
