#include <gtest/gtest.h>

#include "agent/server/rate_limit.h"

namespace nsdebug {
namespace {

using std::chrono::milliseconds;

class RateLimitTest : public ::testing::Test {
 protected:
  RateLimit limit_{10, 3, [this] { return now_; }};
  RateLimit::Clock::time_point now_{};
};

TEST_F(RateLimitTest, AllowsABurstAndThenTheAverage) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit_.Take("alice")) << i;
  Result<void> refused = limit_.Take("alice");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("user \"alice\""), std::string::npos);

  now_ += milliseconds(100);
  EXPECT_TRUE(limit_.Take("alice"));
  EXPECT_FALSE(limit_.Take("alice"));
}

TEST_F(RateLimitTest, NeverHoldsMoreThanTheBurst) {
  ASSERT_TRUE(limit_.Take("alice"));
  now_ += std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit_.Take("alice")) << i;
  EXPECT_FALSE(limit_.Take("alice"));
}

TEST_F(RateLimitTest, CountsEachUserAlone) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(limit_.Take("alice"));
  ASSERT_FALSE(limit_.Take("alice"));
  EXPECT_TRUE(limit_.Take("bob"));
}

TEST_F(RateLimitTest, ForgetsIdleUsersBeforeItRefusesNewOnes) {
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(limit_.Take("user-" + std::to_string(i)));
  EXPECT_FALSE(limit_.Take("one too many"));
  now_ += milliseconds(200);
  EXPECT_TRUE(limit_.Take("one too many"));
}

}  // namespace
}  // namespace nsdebug
