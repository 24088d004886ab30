#include "kubectl/fan_out/captured_session.h"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "kubectl/transport/web_socket.h"
#include "remotecommand/channel.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;

constexpr size_t kReadBytes = 64 << 10;

/// Puts the messages of a session together from the pieces in which they come.
class Receiver {
 public:
  explicit Receiver(TakeOutput take) : take_(std::move(take)) {}

  Result<void> Take(std::string_view piece, bool ends_message) {
    if (!in_message_ && !piece.empty()) {
      channel_ = static_cast<uint8_t>(piece.front());
      piece.remove_prefix(1);
    }
    in_message_ = !ends_message;
    if (piece.empty()) return {};
    switch (static_cast<Channel>(channel_)) {
      case Channel::kStdout:
        return Give(STDOUT_FILENO, piece);
      case Channel::kStderr:
        return Give(STDERR_FILENO, piece);
      case Channel::kStatus:
        if (status_.size() + piece.size() > kMaxStatusBytes) {
          return Fail(Code::kInternal, "the agent's status is too long");
        }
        status_ += piece;
        break;
      default:
        break;
    }
    return {};
  }

  Result<ExecStatus> Status() const { return ParseExecStatus(status_); }

 private:
  Result<void> Give(int fd, std::string_view piece) {
    if (take_(fd, piece)) return {};
    return Fail(Code::kAborted, "nobody reads the output any more");
  }

  TakeOutput take_;
  bool in_message_ = false;
  uint8_t channel_ = 0;
  std::string status_;
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
  Receiver receiver(std::move(take));
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    auto [error, count] = co_await (*socket)->async_read_some(asio::buffer(buffer), kAwait);
    if (error == websocket::error::closed &&
        (*socket)->reason().code == websocket::close_code::normal) {
      co_return receiver.Status();
    }
    if (error) {
      co_return Fail(Code::kUnavailable,
                     "the connection to the agent was lost: " + error.message());
    }
    const std::string_view piece(buffer.data(), count);
    Result<void> taken = receiver.Take(piece, (*socket)->is_message_done());
    if (!taken) co_return Propagate(std::move(taken.error()));
  }
}

}  // namespace nsdebug::kubectl
