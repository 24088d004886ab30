#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/error.h"

namespace nsdebug {

/// A token bucket for each user: so many requests a second on average, so many at once. Any thread.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// `now` is for tests.
  RateLimit(uint64_t per_second, uint64_t burst,
            std::function<Clock::time_point()> now = Clock::now)
      : per_second_(static_cast<double>(per_second)),
        burst_(static_cast<double>(burst)),
        now_(std::move(now)) {}

  /// kResourceExhausted when the user's bucket is empty.
  Result<void> Take(const std::string& user);

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled;
  };

  double Tokens(const Bucket& bucket, Clock::time_point now) const;

  const double per_second_;
  const double burst_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;  // guarded by mutex_
};

}  // namespace nsdebug
