#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "agent/auth/expiring_cache.h"

namespace nsdebug {
namespace {

using std::chrono::milliseconds;
using Cache = ExpiringCache<std::string>;

constexpr milliseconds kPatience{10'000};

class ExpiringCacheTest : public testing::Test {
 protected:
  Cache Make(size_t capacity) {
    return Cache(capacity, [this] { return Cache::Clock::time_point(now_); });
  }

  // Asks with an answer that says how often was asked.
  std::string Get(Cache& cache, const std::string& key, milliseconds time_to_live = kHour) {
    auto answer = cache.Get(key, kPatience, [&]() -> Result<Cache::Answer> {
      return Cache::Answer{key + std::to_string(++asked_), time_to_live};
    });
    return answer ? *answer : answer.error().message;
  }

  static constexpr milliseconds kHour{3'600'000};
  milliseconds now_{0};
  int asked_ = 0;
};

TEST_F(ExpiringCacheTest, KeepsAnAnswerUntilItsTimeIsOver) {
  Cache cache = Make(8);
  EXPECT_EQ(Get(cache, "a", milliseconds(100)), "a1");
  now_ = milliseconds(99);
  EXPECT_EQ(Get(cache, "a", milliseconds(100)), "a1");
  now_ = milliseconds(100);
  EXPECT_EQ(Get(cache, "a", milliseconds(100)), "a2");
}

TEST_F(ExpiringCacheTest, ForgetsWhatWasUsedLongestAgo) {
  Cache cache = Make(2);
  Get(cache, "a");
  Get(cache, "b");
  EXPECT_EQ(Get(cache, "a"), "a1");
  Get(cache, "c");
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(Get(cache, "a"), "a1");
  EXPECT_EQ(Get(cache, "b"), "b4");
}

TEST_F(ExpiringCacheTest, NeverHoldsMoreThanItsCapacity) {
  Cache cache = Make(10);
  for (int i = 0; i < 1'000; ++i) Get(cache, std::to_string(i));
  EXPECT_EQ(cache.size(), 10u);
}

TEST_F(ExpiringCacheTest, KeepsNoErrorsAndNothingWithoutTime) {
  Cache cache = Make(8);
  auto failed = cache.Get(
      "a", kPatience, []() -> Result<Cache::Answer> { return Fail(Code::kUnavailable, "down"); });
  EXPECT_EQ(failed.error().message, "down");
  EXPECT_EQ(Get(cache, "a", milliseconds(0)), "a1");
  EXPECT_EQ(Get(cache, "a"), "a2");
}

TEST_F(ExpiringCacheTest, AnExceptionIsAnErrorAndTheKeyStaysUsable) {
  Cache cache = Make(8);
  auto failed = cache.Get("a", kPatience,
                          []() -> Result<Cache::Answer> { throw std::runtime_error("secret"); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kInternal);
  EXPECT_THAT(failed.error().message, testing::Not(testing::HasSubstr("secret")));
  EXPECT_EQ(Get(cache, "a"), "a1");
}

TEST_F(ExpiringCacheTest, AsksEqualQuestionsAtTheSameTimeOnce) {
  constexpr int kThreads = 16;
  Cache cache(8);
  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::latch is_asked(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      auto answer = cache.Get("a", kPatience, [&]() -> Result<Cache::Answer> {
        ++asked;
        is_asked.wait();
        // Not kept: only waiting can spare a question.
        return Cache::Answer{"yes", milliseconds(0)};
      });
      if (answer && *answer == "yes") ++answered;
    });
  }
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (cache.waiting() < kThreads - 1 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_EQ(cache.waiting(), kThreads - 1u);
  is_asked.count_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, kThreads);
  EXPECT_EQ(asked, 1);
}

TEST_F(ExpiringCacheTest, DifferentQuestionsDoNotWaitForEachOther) {
  Cache cache(8);
  std::latch is_asked(1);
  std::thread slow([&] {
    (void)cache.Get("slow", kPatience, [&]() -> Result<Cache::Answer> {
      is_asked.wait();
      return Cache::Answer{"slow", kHour};
    });
  });
  EXPECT_EQ(Get(cache, "fast"), "fast1");
  is_asked.count_down();
  slow.join();
}

TEST_F(ExpiringCacheTest, AWaiterHasADeadlineOfItsOwn) {
  Cache cache(8);
  std::latch is_asking(1);
  std::latch is_over(1);
  std::thread slow([&] {
    (void)cache.Get("a", kPatience, [&]() -> Result<Cache::Answer> {
      is_asking.count_down();
      is_over.wait();
      return Cache::Answer{"late", kHour};
    });
  });
  is_asking.wait();
  auto answer = cache.Get("a", milliseconds(20), []() -> Result<Cache::Answer> {
    return Fail(Code::kInternal, "asked twice");
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kDeadlineExceeded);
  is_over.count_down();
  slow.join();
  EXPECT_EQ(Get(cache, "a"), "late");
}

}  // namespace
}  // namespace nsdebug
