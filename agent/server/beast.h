#pragma once

// The part of Beast that the server needs, in one place: it takes most of a minute
// to compile what uses it, so only few files do.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <utility>

#include "agent/asio.h"
#include "agent/server/tls_stream.h"

namespace nsdebug {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

/// How long a WebSocket client may take to answer the end of TLS.
inline constexpr std::chrono::seconds kTeardownTimeout{2};

/// How Beast ends the stream below a WebSocket, found by its argument. Without a bound it would
/// wait for ever for a client that broke the protocol, or sent a Close, and then says nothing; and
/// until it is done nobody is told that the client has gone.
template <class Handler>
void async_teardown(beast::role_type /*role*/, TlsStream& stream, Handler&& handler) {
  stream.ExpireAfter(kTeardownTimeout);
  stream.async_shutdown(std::forward<Handler>(handler));
}

/// How Beast gives one up.
inline void beast_close_socket(TlsStream& stream) { stream.Close(); }

/// For `auto [error, ...] = co_await ...`: what a peer does is not an exception.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace nsdebug
