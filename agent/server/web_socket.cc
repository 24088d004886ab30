#include "agent/server/web_socket.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

namespace nsdebug {

namespace {

using namespace boost::asio::experimental::awaitable_operators;

// An idle session holds the small one; once it is filled, more is on the way.
constexpr size_t kIdleInputBytes = 2 << 10;
constexpr size_t kBusyInputBytes = 16 << 10;  // what a TLS record holds

}  // namespace

WebSocket::WebSocket(TlsStream stream, const Subprotocol& subprotocol,
                     std::chrono::milliseconds timeout)
    : socket_(std::move(stream)),
      subprotocol_(subprotocol),
      timeout_(timeout),
      decoder_(subprotocol),
      writing_(socket_.get_executor()),
      in_(kIdleInputBytes) {
  // For the upgrade and the close. A session may be silent for longer, and how long, it decides.
  websocket::stream_base::timeout limits{};
  limits.handshake_timeout = timeout;
  limits.idle_timeout = websocket::stream_base::none();
  limits.keep_alive_pings = false;
  socket_.set_option(limits);
  socket_.set_option(websocket::stream_base::decorator(
      [name = std::string(subprotocol.name)](websocket::response_type& response) {
        response.set(http::field::sec_websocket_protocol, name);
        // Beast's own name and version, which is nobody's business.
        response.erase(http::field::server);
      }));
  // kubectl takes every frame for a message. Ours are bounded by the session's buffers; those of
  // the client are read in pieces, whatever their size.
  socket_.auto_fragment(false);
  socket_.read_message_max(0);
  socket_.text(subprotocol.base64);
  socket_.next_layer().ExpireNever();
}

asio::awaitable<Result<void>> WebSocket::Accept(const http::request<http::string_body>& request) {
  auto [error] = co_await socket_.async_accept(request, kAwait);
  if (error) co_return Fail(Code::kUnavailable, "upgrade to WebSocket: " + error.message());
  // Servers of the protocol say so that the stream stands.
  co_return co_await Send(Channel::kStdout, {});
}

asio::awaitable<ClientInput> WebSocket::Read() {
  while (!gone_) {
    if (busy_) in_.resize(kBusyInputBytes);
    auto [error, count] = co_await socket_.async_read_some(asio::buffer(in_), kAwait);
    if (error == websocket::error::closed) co_return Gone("the client closed the stream");
    if (error) co_return Gone("the connection to the client was lost: " + error.message());
    Result<FrameInput> input = decoder_.Take({in_.data(), count}, socket_.is_message_done());
    if (!input) co_return Gone(std::move(input.error().message));
    switch (input->kind) {
      case FrameInput::Kind::kStdin:
        // Not here: the data may be a view of the buffer.
        busy_ = busy_ || count == in_.size();
        co_return ClientInput{ClientInput::Kind::kStdin, input->data, 0, 0};
      case FrameInput::Kind::kStdinEnd:
        co_return ClientInput{ClientInput::Kind::kStdinEnd, {}, 0, 0};
      case FrameInput::Kind::kResize:
        co_return ClientInput{
            ClientInput::Kind::kResize, {}, input->size.rows, input->size.columns};
      case FrameInput::Kind::kNothing:
        break;
    }
  }
  co_return ClientInput{ClientInput::Kind::kGone, reason_, 0, 0};
}

ClientInput WebSocket::Gone(std::string reason) {
  gone_ = true;
  reason_ = std::move(reason);
  return {ClientInput::Kind::kGone, reason_, 0, 0};
}

asio::awaitable<Result<void>> WebSocket::KeepAlive() {
  // Its pings stay unread while its input is held back; a pong that nobody asked for counts too.
  auto [error] = co_await socket_.async_pong({}, kAwait);
  if (error) co_return Fail(Code::kUnavailable, "write to the client: " + error.message());
  co_return Result<void>();
}

asio::awaitable<Result<void>> WebSocket::Write(Output output, std::string_view data) {
  co_return co_await Send(output == Output::kStderr ? Channel::kStderr : Channel::kStdout, data);
}

asio::awaitable<Result<void>> WebSocket::Send(Channel channel, std::string_view data) {
  co_await writing_.Lock();
  const AsyncUnlock unlock(&writing_);
  beast::error_code failed;
  if (subprotocol_.base64) {
    const std::string frame = EncodeFrame(subprotocol_, channel, data);
    auto [error, count] = co_await socket_.async_write(asio::buffer(frame), kAwait);
    failed = error;
  } else {
    const char prefix = ChannelPrefix(subprotocol_, channel);
    const std::array<asio::const_buffer, 2> frame = {asio::buffer(&prefix, 1),
                                                     asio::buffer(data.data(), data.size())};
    auto [error, count] = co_await socket_.async_write(frame, kAwait);
    failed = error;
  }
  if (failed) co_return Fail(Code::kUnavailable, "write to the client: " + failed.message());
  co_return Result<void>();
}

asio::awaitable<void> WebSocket::Finish(std::string status) {
  // A client that takes nothing must not keep its place.
  if (!gone_) co_await (SendStatus(status) || Wait());
  // Whoever still reads is let go.
  Abort();
}

asio::awaitable<void> WebSocket::SendStatus(const std::string& status) {
  Result<void> sent = co_await Send(Channel::kStatus, status);
  if (sent) (void)co_await socket_.async_close(websocket::close_code::normal, kAwait);
}

asio::awaitable<void> WebSocket::Wait() const {
  asio::steady_timer timer(co_await asio::this_coro::executor, timeout_);
  (void)co_await timer.async_wait(kAwait);
}

void WebSocket::Abort() { socket_.next_layer().Close(); }

}  // namespace nsdebug
