#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace nsdebug {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  void TearDown() override { SetUpLog(LogLevel::kInfo, LogFormat::kText); }

  static std::string Written(LogLevel level, std::string_view event,
                             std::initializer_list<LogField> fields = {}) {
    testing::internal::CaptureStderr();
    Log(level, event, fields);
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, TextIsOneLineOfKeysAndValues) {
  EXPECT_THAT(Written(LogLevel::kInfo, "opened",
                      {{"session", "7f3a"}, {"pid", 4242}, {"tty", true}, {"path", "/a b"}}),
              MatchesRegex("time=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "level=info event=opened session=7f3a pid=4242 tty=true "
                           "path=\"/a b\"\n"));
}

TEST_F(LogTest, NoValueCanForgeAnotherFieldOrLine) {
  EXPECT_THAT(Written(LogLevel::kWarning, "session opened",
                      {{"a", ""}, {"b", "x user=root"}, {"c", "\n\x1b[2J"}, {"d", "\"\\"}}),
              EndsWith("level=warning event=\"session opened\" a=\"\" b=\"x user=root\" "
                       "c=\"\\\\x0a\\\\x1b[2J\" d=\"\\\"\\\\\"\n"));
}

TEST_F(LogTest, JsonIsAnObjectALine) {
  SetUpLog(LogLevel::kInfo, LogFormat::kJson);
  const std::string line =
      Written(LogLevel::kError, "it \"failed\"", {{"why", "a\xff\n"}, {"count", 3U}});
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["level"], "error");
  EXPECT_EQ(object["event"], "it \"failed\"");
  EXPECT_EQ(object["why"], "a\\xff\\x0a");
  EXPECT_EQ(object["count"], "3");
  EXPECT_THAT(object["time"].get<std::string>(), EndsWith("Z"));
}

TEST_F(LogTest, TheLevelDecides) {
  EXPECT_THAT(Written(LogLevel::kDebug, "x"), IsEmpty());
  SetUpLog(LogLevel::kDebug, LogFormat::kText);
  EXPECT_THAT(Written(LogLevel::kDebug, "x"), HasSubstr("level=debug event=x\n"));
  SetUpLog(LogLevel::kError, LogFormat::kText);
  EXPECT_FALSE(IsLogged(LogLevel::kWarning));
  EXPECT_THAT(Written(LogLevel::kWarning, "x"), IsEmpty());
}

TEST_F(LogTest, ValuesAndLinesAreBounded) {
  const std::string large(100'000, 'x');
  const std::string line = Written(LogLevel::kInfo, large, {{"a", large}});
  EXPECT_LT(line.size(), 2 * kMaxLogValueBytes + 200);
  EXPECT_THAT(line, EndsWith("xxx...\"\n"));
  const std::string all = Written(LogLevel::kInfo, "x",
                                  {{"a", large},
                                   {"b", large},
                                   {"c", large},
                                   {"d", large},
                                   {"e", large},
                                   {"f", large},
                                   {"g", large},
                                   {"h", large},
                                   {"i", large}});
  EXPECT_LT(all.size(), kMaxLogLineBytes + 200);
  EXPECT_THAT(all, EndsWith(" cut=true\n"));
}

TEST_F(LogTest, KnowsTheWordsOfTheConfiguration) {
  EXPECT_EQ(ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("warn"), std::nullopt);
  EXPECT_EQ(ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(ParseLogFormat(""), std::nullopt);
}

}  // namespace
}  // namespace nsdebug
