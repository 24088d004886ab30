#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/exec/exec_result.h"
#include "base/text.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;
using testing::Not;

// As waitpid(2) has them.
constexpr WaitStatus kExited3 = 3 << 8;
constexpr WaitStatus kKilled = 9;

ExecResult Example() {
  ExecResult result;
  result.status = kExited3;
  result.cause = "exit";
  result.stdout_data = "out\n";
  result.duration = std::chrono::milliseconds(12);
  result.target = {"shop", "web-0", "app", "abc", 4242, "node-1"};
  return result;
}

TEST(ExecResultTest, TellsHowItEndedAndWhere) {
  EXPECT_EQ(EncodeExecResult(Example()),
            R"({"cause":"exit","durationMs":12,"exitCode":3,"stderr":"","stderrTruncated":false,)"
            R"("stdout":"out\n","stdoutTruncated":false,"target":{"container":"app",)"
            R"("containerId":"abc","namespace":"shop","node":"node-1","pid":4242,"pod":"web-0"}})");
}

TEST(ExecResultTest, ADeathBySignalNamesTheSignal) {
  ExecResult result = Example();
  result.status = kKilled;
  result.cause = "deadline";
  EXPECT_THAT(EncodeExecResult(result), HasSubstr(R"("exitCode":137,"signal":"SIGKILL")"));
  EXPECT_THAT(EncodeExecResult(result), HasSubstr(R"("cause":"deadline")"));
}

TEST(ExecResultTest, BytesThatAreNoTextAreBase64) {
  ExecResult result = Example();
  result.stdout_data = std::string("\xff\0", 2);
  result.stderr_data = std::string("nul \0 is text", 13);
  const std::string text = EncodeExecResult(result);
  EXPECT_THAT(text, HasSubstr(R"("stdoutBase64":"/wA=")"));
  EXPECT_THAT(text, Not(HasSubstr(R"("stdout":)")));
  EXPECT_THAT(text, HasSubstr(R"("stderr":"nul \u0000 is text")"));
}

TEST(ExecResultTest, ATextThatEscapesWouldMakeMuchLargerIsBytes) {
  ExecResult result = Example();
  result.stdout_data = std::string(1 << 20, '\0');
  std::string coloured;
  while (coloured.size() < 1 << 20) coloured += "\x1b[31mred\x1b[0m \"and\" quoted\n";
  result.stderr_data = coloured;
  const std::string text = EncodeExecResult(result);
  EXPECT_THAT(text, HasSubstr(R"("stdoutBase64":"AAAA)"));
  EXPECT_THAT(text, HasSubstr(R"("stderr":"\u001b[31mred)"));
  EXPECT_LT(text.size(), size_t{3} << 20);
}

TEST(ExecResultTest, TruncationInsideACharacterLeavesText) {
  const std::pair<std::string, std::string> cut[] = {
      {"a\xe2\x82", R"("stdout":"a")"},
      {"a\xf0\x9f\x98", R"("stdout":"a")"},
      {"a\xc3", R"("stdout":"a")"},
      {"a\xe2\x82\xac", "\"stdout\":\"a\xe2\x82\xac\""},
      {"\xe2", R"("stdout":"")"},
      {"", R"("stdout":"")"},
      {"\x80\x80\x80\x80", R"("stdoutBase64":)"},
      {"\xff\xe2", R"("stdoutBase64":"/+I=")"}};
  for (const auto& [data, expected] : cut) {
    ExecResult result = Example();
    result.stdout_data = data;
    result.stdout_truncated = true;
    EXPECT_THAT(EncodeExecResult(result), HasSubstr(expected)) << Printable(data);
    EXPECT_THAT(EncodeExecResult(result), HasSubstr(R"("stdoutTruncated":true)"));
  }
  ExecResult whole = Example();
  whole.stdout_data = "a\xe2\x82";
  EXPECT_THAT(EncodeExecResult(whole), HasSubstr(R"("stdoutBase64":)")) << "the command's own";
}

TEST(ExecResultTest, OfTheNodeThereIsNoPod) {
  ExecResult result = Example();
  result.target = {"", "", "", "", 1, "node-1"};
  EXPECT_THAT(EncodeExecResult(result), HasSubstr(R"("target":{"node":"node-1","pid":1}})"));
}

}  // namespace
}  // namespace nsdebug
