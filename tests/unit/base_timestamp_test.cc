#include <gtest/gtest.h>

#include "base/timestamp.h"

namespace nsdebug {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

TEST(TimestampTest, ReadsTimesOfKubernetesAndOfPlugins) {
  const system_clock::time_point time(seconds(1767323045));
  EXPECT_EQ(ParseTimestamp("2026-01-02T03:04:05Z"), time);
  EXPECT_EQ(ParseTimestamp("2026-01-02T05:04:05+02:00"), time);
  EXPECT_EQ(ParseTimestamp("2026-01-01T21:34:05-05:30"), time);
  EXPECT_EQ(ParseTimestamp("2026-01-02T03:04:05.25Z"), time + microseconds(250'000));
  EXPECT_EQ(ParseTimestamp("2026-01-02T03:04:05.123456789Z"), time + microseconds(123'456));
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), system_clock::time_point());
}

TEST(TimestampTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-1-2T03:04:05Z",
        "2026-02-30T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-02T24:04:05Z",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05Zx",
        "2026-01-02 03:04:05Z", "+026-01-02T03:04:05Z", "9999-01-02T03:04:05Z"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

}  // namespace
}  // namespace nsdebug
