#pragma once

#include "agent/asio.h"

namespace nsdebug {

/// Mutual exclusion of coroutines of one strand.
class AsyncMutex {
 public:
  explicit AsyncMutex(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  asio::awaitable<void> Lock() {
    while (locked_) {
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    locked_ = true;
  }

  void Unlock() {
    locked_ = false;
    timer_.cancel_one();
  }

 private:
  asio::steady_timer timer_;
  bool locked_ = false;
};

/// Unlocks at the end of its scope.
class AsyncUnlock {
 public:
  explicit AsyncUnlock(AsyncMutex* mutex) : mutex_(mutex) {}
  AsyncUnlock(const AsyncUnlock&) = delete;
  AsyncUnlock& operator=(const AsyncUnlock&) = delete;
  ~AsyncUnlock() { mutex_->Unlock(); }

 private:
  AsyncMutex* mutex_;
};

}  // namespace nsdebug
