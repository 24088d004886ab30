#include "kubectl/transport/port_forward.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "kubectl/transport/port_forward_decoder.h"
#include "kubectl/transport/web_socket.h"

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;

// In front of what is sent.
constexpr char kDataChannel = 0;

class WebSocketPortForward final : public ByteStream {
 public:
  explicit WebSocketPortForward(std::unique_ptr<WebSocketStream> socket)
      : socket_(std::move(socket)) {}

  std::string Reason() const override { return decoder_.Reason(); }
  asio::any_io_executor executor() override { return socket_->get_executor(); }

  asio::awaitable<Transferred> Read(asio::mutable_buffer buffer) override {
    for (;;) {
      auto [error, count] = co_await socket_->async_read_some(buffer, kAwait);
      if (error == websocket::error::closed) co_return Transferred{asio::error::eof, 0};
      if (error) co_return Transferred{error, 0};
      const size_t kept =
          decoder_.Take({static_cast<char*>(buffer.data()), count}, socket_->is_message_done());
      if (kept > 0) co_return Transferred{{}, kept};
      // The other side has told why there is nothing to read, and will not close at once.
      if (decoder_.is_broken()) co_return Transferred{asio::error::connection_refused, 0};
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
  std::unique_ptr<WebSocketStream> socket_;
  PortForwardDecoder decoder_;
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
