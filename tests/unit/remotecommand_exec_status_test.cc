#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/text.h"
#include "remotecommand/exec_status.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;
using Kind = ExecStatus::Kind;

TEST(ExecStatusTest, IsWrittenAsKubeletWritesIt) {
  EXPECT_EQ(EncodeExecStatus(ExecStatus::Exited(0)), R"({"metadata":{},"status":"Success"})");
  EXPECT_EQ(EncodeExecStatus(ExecStatus::Exited(3)),
            R"({"details":{"causes":[{"message":"3","reason":"ExitCode"}]},)"
            R"("message":"command terminated with non-zero exit code: 3","metadata":{},)"
            R"("reason":"NonZeroExitCode","status":"Failure"})");
  EXPECT_EQ(EncodeExecStatus(ExecStatus::InternalError("no such runtime")),
            R"({"code":500,"message":"Internal error occurred: no such runtime","metadata":{},)"
            R"("reason":"InternalError","status":"Failure"})");
  EXPECT_EQ(EncodeExecStatus(ExecStatus::Failed("the deadline has passed", "Timeout", 504)),
            R"({"code":504,"message":"the deadline has passed","metadata":{},)"
            R"("reason":"Timeout","status":"Failure"})");
}

TEST(ExecStatusTest, ADeathBySignalIsAnExitCodeOfShells) {
  const ExecStatus killed = ExecStatus::KilledBy(SIGKILL);
  EXPECT_EQ(killed.exit_code, 137);
  EXPECT_EQ(killed.message, "command terminated by signal 9 (SIGKILL)");
  EXPECT_EQ(ExecStatus::KilledBy(40).message, "command terminated by signal 40");
  EXPECT_EQ(ParseExecStatus(EncodeExecStatus(killed))->exit_code, 137);
}

TEST(ExecStatusTest, EveryExitCodeComesBack) {
  for (int code = 0; code <= 255; ++code) {
    Result<ExecStatus> parsed = ParseExecStatus(EncodeExecStatus(ExecStatus::Exited(code)));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->exit_code, code);
    EXPECT_EQ(parsed->kind, code == 0 ? Kind::kSuccess : Kind::kExitCode);
  }
}

TEST(ExecStatusTest, BytesThatAreNoTextAreReplaced) {
  const std::string text = EncodeExecStatus(ExecStatus::InternalError("exec \xff\"\n\x01: no"));
  EXPECT_TRUE(IsUtf8(text));
  EXPECT_THAT(text, HasSubstr("exec \xef\xbf\xbd\\\"\\n\\u0001: no"));
  EXPECT_TRUE(ParseExecStatus(text));
}

TEST(ParseExecStatusTest, TakesWhatKubectlTakes) {
  EXPECT_EQ(ParseExecStatus("")->kind, Kind::kSuccess);
  EXPECT_EQ(ParseExecStatus("{\"status\":\"Success\"}\n")->kind, Kind::kSuccess);
  // containerd's, with a cause before the exit code and fields of tomorrow.
  Result<ExecStatus> parsed = ParseExecStatus(
      R"({"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NonZeroExitCode",)"
      R"("message":"oops","details":{"x":1,"causes":[{"reason":"Other","message":"4"},7,)"
      R"({"reason":"ExitCode","message":"42"}]}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->kind, Kind::kExitCode);
  EXPECT_EQ(parsed->exit_code, 42);
  EXPECT_EQ(parsed->message, "oops");
}

TEST(ParseExecStatusTest, TellsAnErrorFromAnExitCode) {
  Result<ExecStatus> parsed = ParseExecStatus(
      R"({"status":"Failure","message":"gone","reason":"NotFound","code":404,"details":null})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->kind, Kind::kError);
  EXPECT_EQ(parsed->message, "gone");
  EXPECT_EQ(parsed->reason, "NotFound");
  EXPECT_EQ(parsed->http_code, 404);
  EXPECT_EQ(ParseExecStatus(R"({"status":"Failure","code":-7})")->http_code, 0);
}

TEST(ParseExecStatusTest, AMessageCannotSteerATerminal) {
  Result<ExecStatus> parsed = ParseExecStatus(
      R"({"status":"Failure","message":"\u001b]52;c;eA==\u0007\r\nsafe","code":500})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->message, R"(\x1b]52;c;eA==\x07\x0d\x0asafe)");
  const std::string longer(kMaxStatusBytes / 2, 'a');
  parsed = ParseExecStatus(R"({"status":"Failure","message":")" + longer + R"("})");
  ASSERT_TRUE(parsed);
  EXPECT_LE(parsed->message.size(), 1100);
  EXPECT_THAT(parsed->message, HasSubstr("aaa..."));
}

TEST(ParseExecStatusTest, RefusesWhatTellsNoEnd) {
  const std::pair<const char*, const char*> refused[] = {
      {"exit status 3", "parse error"},
      {"[]", "no JSON object"},
      {"{}", "status ''"},
      {R"({"status":"Perhaps"})", "status 'Perhaps'"},
      {R"({"status":7})", "type must be string"},
      {R"({"status":"Success"}{"status":"Success"})", "parse error"},
      {R"({"status":"Failure","reason":"NonZeroExitCode"})", "no details"},
      {R"({"status":"Failure","reason":"NonZeroExitCode","details":{}})", "no exit code"},
      {R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"256"}]}})",
       "exit code '256'"},
      {R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"-1"}]}})",
       "exit code '-1'"},
  };
  for (const auto& [text, reason] : refused) {
    Result<ExecStatus> parsed = ParseExecStatus(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kInternal);
    EXPECT_THAT(parsed.error().message, HasSubstr(reason)) << text;
  }
  EXPECT_FALSE(ParseExecStatus(std::string(kMaxStatusBytes + 1, ' ')));
}

}  // namespace
}  // namespace nsdebug
