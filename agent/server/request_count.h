#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace nsdebug {

/// The requests that are being answered, so that an agent that stops can wait for them. Any thread.
class RequestCount {
 public:
  /// Counts one until the result is let go; nullptr: the agent is stopping, and takes no more. It
  /// must not outlive this.
  std::shared_ptr<void> Enter() {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return nullptr;
    ++count_;
    return {this, [](RequestCount* self) { self->Leave(); }};
  }

  void Stop() {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }

  /// Waits until none is left, at most until `end`. Tells whether that is so.
  bool WaitUntilNone(std::chrono::steady_clock::time_point end) {
    std::unique_lock lock(mutex_);
    return none_.wait_until(lock, end, [this] { return count_ == 0; });
  }

 private:
  void Leave() {
    const std::scoped_lock lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable none_;
  size_t count_ = 0;       // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
};

}  // namespace nsdebug
