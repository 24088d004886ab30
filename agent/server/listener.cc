#include "agent/server/listener.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

namespace nsdebug {

namespace {

using Tcp = asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// With no descriptor left, accept(2) fails at once and for as long as that lasts.
constexpr std::chrono::milliseconds kPauseAfterError{100};

}  // namespace

Listener::Listener(asio::io_context* context, uint64_t max_connections)
    : context_(context),
      max_connections_(max_connections),
      strand_(asio::make_strand(*context)),
      acceptor_(strand_),
      pause_(strand_) {}

Result<std::shared_ptr<Listener>> Listener::Bind(asio::io_context* context,
                                                 const std::string& address, uint16_t port,
                                                 uint64_t max_connections) {
  boost::system::error_code error;
  const asio::ip::address parsed = asio::ip::make_address(address, error);
  if (error) {
    return Fail(Code::kInvalidArgument, fmt::format("listen at {}: not an IP address", address));
  }
  std::shared_ptr<Listener> listener(new Listener(context, max_connections));
  const Tcp::endpoint endpoint(parsed, port);
  Tcp::acceptor& acceptor = listener->acceptor_;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Fail(Code::kUnavailable,
                fmt::format("listen at {} port {}: {}", address, port, error.message()));
  }
  return listener;
}

uint16_t Listener::port() const {
  boost::system::error_code ignored;
  return acceptor_.local_endpoint(ignored).port();
}

void Listener::Start(Serve serve) {
  asio::co_spawn(
      strand_,
      // Shared by the loop and whoever stops it.
      [self = shared_from_this(), serve = std::move(serve)] { return self->AcceptAll(serve); },
      [](const std::exception_ptr&) {});
}

void Listener::Stop() {
  asio::post(strand_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
}

asio::awaitable<void> Listener::AcceptAll(Serve serve) {
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::make_strand(*context_), kAwait);
    if (!error) {
      ServeOne(std::move(socket), serve);
    } else if (acceptor_.is_open() && error != asio::error::connection_aborted) {
      pause_.expires_after(kPauseAfterError);
      co_await pause_.async_wait(kAwait);
    }
  }
}

void Listener::ServeOne(Tcp::socket socket, const Serve& serve) {
  if (connections_.fetch_add(1) >= max_connections_) {
    --connections_;
    return;
  }
  const asio::any_io_executor executor = socket.get_executor();
  asio::co_spawn(
      executor,
      [self = shared_from_this(), serve, socket = std::move(socket)]() mutable {
        return serve(std::move(socket));
      },
      // What a connection throws ends that connection.
      [self = shared_from_this()](const std::exception_ptr&) { --self->connections_; });
}

}  // namespace nsdebug
