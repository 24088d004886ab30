#pragma once

// The part of Beast and Asio's TLS that the server needs, in one place: it takes most of a minute
// to compile what uses it, so only few files do.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <chrono>
#include <utility>

#include "agent/asio.h"

namespace nsdebug {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

using TcpStream = beast::tcp_stream;
/// Beast's, not Asio's own: it gathers a frame's header and payload into one TLS record.
class TlsStream : public beast::ssl_stream<TcpStream> {
 public:
  using beast::ssl_stream<TcpStream>::ssl_stream;
};

/// How long a WebSocket client may take to answer the end of TLS.
inline constexpr std::chrono::seconds kTeardownTimeout{2};

/// How Beast ends the stream below a WebSocket, found by its argument. Its own would wait for ever
/// for a client that broke the protocol, or sent a Close, and then says nothing; and until it is
/// done nobody is told that the client has gone.
template <class Handler>
void async_teardown(beast::role_type /*role*/, TlsStream& stream, Handler&& handler) {
  beast::get_lowest_layer(stream).expires_after(kTeardownTimeout);
  stream.async_shutdown(std::forward<Handler>(handler));
}

/// For `auto [error, ...] = co_await ...`: what a peer does is not an exception.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace nsdebug
