#include "kubectl/transport/tcp_stream.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace nsdebug::kubectl {

namespace {

using Tcp = asio::ip::tcp;
using namespace boost::asio::experimental::awaitable_operators;

class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(Tcp::socket socket) : socket_(std::move(socket)) {}

  asio::any_io_executor executor() override { return socket_.get_executor(); }

  asio::awaitable<Transferred> Read(asio::mutable_buffer buffer) override {
    auto [error, count] = co_await socket_.async_read_some(buffer, kAwait);
    co_return Transferred{error, count};
  }

  asio::awaitable<Transferred> Write(asio::const_buffer buffer) override {
    auto [error, count] = co_await socket_.async_write_some(buffer, kAwait);
    co_return Transferred{error, count};
  }

  asio::awaitable<void> Shutdown() override {
    boost::system::error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    co_return;
  }

  void Close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  std::string Reason() const override { return {}; }

 private:
  Tcp::socket socket_;
};

/// What a name stands for. The resolver's thread fills it in, maybe when nobody waits any more.
struct Resolution {
  explicit Resolution(const asio::any_io_executor& executor)
      : resolver(executor), ended(executor, asio::steady_timer::time_point::max()) {}

  Tcp::resolver resolver;
  asio::steady_timer ended;
  boost::system::error_code error;
  Tcp::resolver::results_type addresses;
};

/// As one that can be cancelled, which Asio's own cannot: nothing interrupts getaddrinfo(3), so it
/// goes on by itself.
asio::awaitable<std::shared_ptr<Resolution>> Resolve(std::string host, uint16_t port) {
  auto resolution = std::make_shared<Resolution>(co_await asio::this_coro::executor);
  resolution->error = asio::error::operation_aborted;
  resolution->resolver.async_resolve(
      host, std::to_string(port),
      [resolution](const boost::system::error_code& error, Tcp::resolver::results_type addresses) {
        resolution->error = error;
        resolution->addresses = std::move(addresses);
        resolution->ended.cancel();
      });
  (void)co_await resolution->ended.async_wait(kAwait);
  co_return resolution;
}

asio::awaitable<boost::system::error_code> Connect(Tcp::socket* socket, const std::string& host,
                                                   uint16_t port) {
  const std::shared_ptr<Resolution> resolution = co_await Resolve(host, port);
  if (resolution->error) co_return resolution->error;
  auto [error, endpoint] = co_await asio::async_connect(*socket, resolution->addresses, kAwait);
  co_return error;
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<ByteStream>>> ConnectTcp(std::string host, uint16_t port,
                                                                std::chrono::milliseconds timeout) {
  Tcp::socket socket(co_await asio::this_coro::executor);
  auto first = co_await (Connect(&socket, host, port) || Wait(timeout));
  if (first.index() == 1) {
    co_return Fail(Code::kDeadlineExceeded,
                   fmt::format("connect to {} port {}: no answer within {} s", host, port,
                               std::chrono::duration<double>(timeout).count()));
  }
  if (const boost::system::error_code error = std::get<0>(first)) {
    co_return Fail(Code::kUnavailable,
                   fmt::format("connect to {} port {}: {}", host, port, error.message()));
  }
  boost::system::error_code ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  co_return std::make_unique<SocketStream>(std::move(socket));
}

}  // namespace nsdebug::kubectl
