#pragma once

// The part of Asio that headers of the plugin need, in one place.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace nsdebug::kubectl {

namespace asio = boost::asio;

/// For `auto [error, ...] = co_await ...`: what a peer does is not an exception.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// The other side of `operation || Wait(time)`.
inline asio::awaitable<void> Wait(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  (void)co_await timer.async_wait(kAwait);
}

}  // namespace nsdebug::kubectl
