#include "kubectl/transport/port_forward.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"
#include "kubectl/transport/web_socket.h"

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;

// Of the first and only port: what it carries, and why it is broken.
constexpr char kDataChannel = 0;
constexpr char kErrorChannel = 1;
// Each channel begins with its port, in two bytes.
constexpr size_t kPortBytes = 2;

constexpr size_t kMaxReasonBytes = 1024;

class WebSocketPortForward final : public ByteStream {
 public:
  explicit WebSocketPortForward(std::unique_ptr<WebSocketStream> socket)
      : socket_(std::move(socket)) {}

  std::string Reason() const override { return reason_; }
  asio::any_io_executor executor() override { return socket_->get_executor(); }

  asio::awaitable<Transferred> Read(asio::mutable_buffer buffer) override {
    for (;;) {
      auto [error, count] = co_await socket_->async_read_some(buffer, kAwait);
      if (error == websocket::error::closed) co_return Transferred{asio::error::eof, 0};
      if (error) co_return Transferred{error, 0};
      auto* bytes = static_cast<char*>(buffer.data());
      const size_t kept = Take(bytes, count);
      if (kept > 0) co_return Transferred{{}, kept};
      // The other side has told why there is nothing to read, and will not close at once.
      if (!reason_.empty()) co_return Transferred{asio::error::connection_refused, 0};
    }
  }

  asio::awaitable<Transferred> Write(asio::const_buffer buffer) override {
    const std::array<asio::const_buffer, 2> message = {asio::buffer(&kDataChannel, 1), buffer};
    auto [error, count] = co_await socket_->async_write(message, kAwait);
    co_return Transferred{error, error ? 0 : buffer.size()};
  }

  asio::awaitable<void> Shutdown() override {
    (void)co_await socket_->async_close(websocket::close_code::normal, kAwait);
  }

  void Close() override { socket_->next_layer().stream().Close(); }

 private:
  /// Leaves the data of a piece at the start of the buffer; how much that is.
  size_t Take(char* bytes, size_t count) {
    size_t begin = 0;
    if (!in_message_ && count > 0) {
      channel_ = bytes[0];
      begin = 1;
    }
    in_message_ = !socket_->is_message_done();
    if (channel_ == kErrorChannel) {
      TakeReason({bytes + begin, count - begin});
      return 0;
    }
    if (channel_ != kDataChannel) return 0;
    const size_t skipped = std::min(port_left_, count - begin);
    port_left_ -= skipped;
    begin += skipped;
    std::char_traits<char>::move(bytes, bytes + begin, count - begin);
    return count - begin;
  }

  void TakeReason(std::string_view text) {
    const size_t skipped = std::min(error_port_left_, text.size());
    error_port_left_ -= skipped;
    text.remove_prefix(skipped);
    reason_ +=
        Printable(text.substr(0, kMaxReasonBytes - std::min(kMaxReasonBytes, reason_.size())),
                  kMaxReasonBytes);
  }

  std::unique_ptr<WebSocketStream> socket_;
  bool in_message_ = false;
  char channel_ = 0;
  size_t port_left_ = kPortBytes;
  size_t error_port_left_ = kPortBytes;
  std::string reason_;
};

}  // namespace

asio::awaitable<Result<std::unique_ptr<ByteStream>>> PortForward::Open(
    std::unique_ptr<HttpClient> client, std::string pod_namespace, std::string pod, uint16_t port) {
  const std::string target =
      fmt::format("/api/v1/namespaces/{}/pods/{}/portforward?ports={}", pod_namespace, pod, port);
  std::string chosen;
  std::vector<std::string> offered = {"v4.channel.k8s.io"};
  Result<std::unique_ptr<WebSocketStream>> socket =
      co_await OpenWebSocket(std::move(client), target, std::move(offered), &chosen);
  if (!socket) co_return Propagate(std::move(socket.error()));
  co_return std::make_unique<WebSocketPortForward>(std::move(*socket));
}

}  // namespace nsdebug::kubectl
