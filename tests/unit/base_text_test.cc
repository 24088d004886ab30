#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"

namespace nsdebug {
namespace {

using testing::ElementsAre;

TEST(SplitTest, KeepsEmptyParts) {
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
}

TEST(ParseNumberTest, TakesOnlyWholeDecimalNumbersInBounds) {
  EXPECT_EQ(ParseNumber("0"), 0u);
  EXPECT_EQ(ParseNumber("4294967295", UINT32_MAX), 4294967295u);
  EXPECT_EQ(ParseNumber("18446744073709551615"), UINT64_MAX);
  for (const char* bad :
       {"", " 1", "1 ", "+1", "-1", "0x10", "1.5", "abc", "18446744073709551616"}) {
    EXPECT_EQ(ParseNumber(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(ParseNumber("256", 255), std::nullopt);
}

TEST(PrintableTest, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("plain text"), "plain text");
  EXPECT_EQ(Printable("\x1b[2J\n\xff"), "\\x1b[2J\\x0a\\xff");
  EXPECT_EQ(Printable(std::string(10, 'a'), 4), "aaaa...");
}

TEST(IsUtf8Test, RefusesWhatRfc3629Refuses) {
  for (const char* good : {"", "plain", "\u00fcber \u20ac \U0001f600", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff",
                          "\xe2\x82", "\xc3", "\xc3(", "\xe2\x82("}) {
    EXPECT_FALSE(IsUtf8(bad)) << Printable(bad);
  }
}

TEST(ErrorTest, WordsOfTheKernelStartLowerCase) {
  EXPECT_EQ(ErrnoText(EPERM), "operation not permitted");
  EXPECT_EQ(ErrnoText(99999), "error 99999");
}

TEST(ErrorTest, MessagesGrowOutwards) {
  Result<int> inner = FailErrno("open /proc/1/ns/net", EACCES);
  Result<int> outer = Propagate(inner.error(), "enter shop/web");
  EXPECT_EQ(outer.error().message, "enter shop/web: open /proc/1/ns/net: permission denied");
  EXPECT_EQ(outer.error().code, Code::kPermissionDenied);
}

}  // namespace
}  // namespace nsdebug
