#pragma once

#include <cstddef>
#include <functional>

#include "kubectl/transport/asio.h"

namespace nsdebug::kubectl {

/// Runs `task(0)` to `task(count - 1)`, begun in this order, at most `limit` at a time; returns
/// when all have ended. What one of them throws is thrown then. On one thread.
asio::awaitable<void> RunBounded(size_t count, size_t limit,
                                 std::function<asio::awaitable<void>(size_t)> task);

}  // namespace nsdebug::kubectl
