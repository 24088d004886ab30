#include <gtest/gtest.h>

#include <thread>

#include "agent/session/session_registry.h"

namespace nsdebug {
namespace {

using Slot = SessionRegistry::Slot;

TEST(SessionRegistryTest, LimitsTheNodeAndEachUser) {
  SessionRegistry registry({3, 2});
  Result<Slot> first = registry.Open("alice");
  Result<Slot> second = registry.Open("alice");
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->id(), second->id());

  Result<Slot> third = registry.Open("alice");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kResourceExhausted);
  EXPECT_NE(third.error().message.find("maxSessionsPerUser"), std::string::npos);

  Result<Slot> other = registry.Open("bob");
  ASSERT_TRUE(other);
  Result<Slot> beyond = registry.Open("carol");
  ASSERT_FALSE(beyond);
  EXPECT_NE(beyond.error().message.find("maxSessions allows"), std::string::npos);
}

TEST(SessionRegistryTest, GivesAPlaceBack) {
  SessionRegistry registry({1, 1});
  {
    Result<Slot> slot = registry.Open("alice");
    ASSERT_TRUE(slot);
    Slot moved = std::move(*slot);
    EXPECT_FALSE(registry.WaitUntilEmpty(std::chrono::milliseconds(0)));
  }
  EXPECT_TRUE(registry.WaitUntilEmpty(std::chrono::milliseconds(0)));
  EXPECT_TRUE(registry.Open("alice"));
}

TEST(SessionRegistryTest, ListsAndEndsOnlyWhatRuns) {
  SessionRegistry registry({1, 1});
  Result<Slot> slot = registry.Open("alice");
  ASSERT_TRUE(slot);
  EXPECT_TRUE(registry.List().empty());
  Result<void> ended = registry.End(slot->id(), EndCause::kEndedByUser);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kNotFound);
}

TEST(SessionRegistryTest, OpensNothingOnceItStops) {
  SessionRegistry registry({5, 5});
  registry.Stop();
  Result<Slot> slot = registry.Open("alice");
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, Code::kUnavailable);
}

TEST(SessionRegistryTest, WaitsForTheLastSession) {
  SessionRegistry registry({5, 5});
  Result<Slot> slot = registry.Open("alice");
  ASSERT_TRUE(slot);
  EXPECT_FALSE(registry.WaitUntilEmpty(std::chrono::milliseconds(1)));
  std::thread closer([place = std::move(*slot)]() mutable { place = Slot(); });
  EXPECT_TRUE(registry.WaitUntilEmpty(std::chrono::minutes(1)));
  closer.join();
}

}  // namespace
}  // namespace nsdebug
