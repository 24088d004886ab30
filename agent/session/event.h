#pragma once

#include "agent/asio.h"

namespace nsdebug {

/// Something that happens once, which coroutines of one strand wait for.
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  bool is_set() const { return set_; }

  void Set() {
    set_ = true;
    timer_.cancel();
  }

  asio::awaitable<void> Wait() {
    while (!set_) {
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

 private:
  asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace nsdebug
