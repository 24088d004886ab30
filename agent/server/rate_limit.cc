#include "agent/server/rate_limit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace nsdebug {

namespace {

// Users seen lately. A full bucket says nothing that a new one would not, so those go first.
constexpr size_t kMaxBuckets = 10'000;

}  // namespace

Result<void> RateLimit::Take(const std::string& user) {
  const Clock::time_point now = now_();
  const std::scoped_lock lock(mutex_);
  if (buckets_.size() >= kMaxBuckets && !buckets_.contains(user)) {
    std::erase_if(buckets_, [&](const auto& entry) { return Tokens(entry.second, now) >= burst_; });
    if (buckets_.size() >= kMaxBuckets) {
      return Fail(Code::kResourceExhausted, "too many users at once: try again in a moment");
    }
  }
  Bucket& bucket = buckets_.try_emplace(user, Bucket{burst_, now}).first->second;
  bucket = {Tokens(bucket, now), now};
  if (bucket.tokens < 1) {
    return Fail(Code::kResourceExhausted,
                fmt::format("user \"{}\" sends more than server.requestsPerSecond ({}) requests: "
                            "slow down",
                            Printable(user), per_second_));
  }
  bucket.tokens -= 1;
  return {};
}

double RateLimit::Tokens(const Bucket& bucket, Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  return std::min(burst_, bucket.tokens + seconds * per_second_);
}

}  // namespace nsdebug
