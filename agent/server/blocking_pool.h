#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "agent/asio.h"
#include "base/error.h"

namespace nsdebug {

/// Threads for calls that block, so that the event loop never does. Any thread may use it.
class BlockingPool {
 public:
  /// At most `max_calls` run or wait for a thread; more are refused: whoever is behind them would
  /// have given up before it is their turn.
  BlockingPool(size_t threads, size_t max_calls) : max_calls_(max_calls), pool_(threads) {}
  ~BlockingPool() { Stop(); }

  /// Waits for the calls that run; those that wait for a thread are refused.
  void Stop() {
    stopping_ = true;
    pool_.join();
  }

  /// Runs `call`, which returns a Result, and continues where it was awaited.
  template <class Call>
  asio::awaitable<std::invoke_result_t<Call&>> Run(Call call) {
    const Counted counted(&calls_);
    if (counted.before() >= max_calls_) {
      co_return Fail(Code::kUnavailable, "the agent has too many questions open: try again");
    }
    // The frame of this coroutine, and so `call`, lives until the other one has ended.
    auto on_thread = [this, &call]() -> asio::awaitable<std::invoke_result_t<Call&>> {
      if (stopping_) co_return Fail(Code::kUnavailable, "the agent is stopping");
      co_return call();
    };
    co_return co_await asio::co_spawn(pool_, std::move(on_thread), asio::use_awaitable);
  }

 private:
  class Counted {
   public:
    explicit Counted(std::atomic<size_t>* count) : count_(count), before_(count->fetch_add(1)) {}
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --*count_; }
    size_t before() const { return before_; }

   private:
    std::atomic<size_t>* count_;
    const size_t before_;
  };

  const size_t max_calls_;
  std::atomic<size_t> calls_ = 0;
  std::atomic<bool> stopping_ = false;
  asio::thread_pool pool_;
};

}  // namespace nsdebug
