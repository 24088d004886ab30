#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "agent/server/session_status.h"
#include "agent/server/status_response.h"

namespace nsdebug {
namespace {

SessionEnd Ended(EndCause cause, std::optional<WaitStatus> status = std::nullopt) {
  return {cause, status, std::nullopt};
}

TEST(SessionStatusTest, TellsTheCommandsOwnCode) {
  EXPECT_EQ(StatusOf(Ended(EndCause::kExit, 0)).kind, ExecStatus::Kind::kSuccess);
  const ExecStatus failed = StatusOf(Ended(EndCause::kExit, 7 << 8));
  EXPECT_EQ(failed.kind, ExecStatus::Kind::kExitCode);
  EXPECT_EQ(failed.exit_code, 7);
  EXPECT_EQ(StatusOf(Ended(EndCause::kExit, SIGKILL)).exit_code, 128 + SIGKILL);
}

TEST(SessionStatusTest, NothingButAnExitIsEverACode) {
  for (EndCause cause :
       {EndCause::kDeadline, EndCause::kIdle, EndCause::kClientGone, EndCause::kEndedByUser,
        EndCause::kAgentStopping, EndCause::kTargetGone, EndCause::kLost}) {
    // Even with a status: SIGTERM may have let the command end with 0.
    const ExecStatus status = StatusOf(Ended(cause, 0));
    EXPECT_EQ(status.kind, ExecStatus::Kind::kError) << CauseName(cause);
    EXPECT_FALSE(status.message.empty()) << CauseName(cause);
  }
  EXPECT_EQ(StatusOf(Ended(EndCause::kExit)).kind, ExecStatus::Kind::kError);
}

TEST(SessionStatusTest, ACommandThatCannotRunIsToldAsAShellTellsIt) {
  SessionEnd end = Ended(EndCause::kSetupFailed);
  end.failure = SetupFailure{Step::kExec, {Code::kNotFound, "no such command", 0}, 127};
  const ExecStatus status = StatusOf(end);
  EXPECT_EQ(status.kind, ExecStatus::Kind::kExitCode);
  EXPECT_EQ(status.exit_code, 127);
  EXPECT_EQ(status.message, "no such command");
}

TEST(SessionStatusTest, ANodeWithoutProcessesIsNoExitCodeOfTheCommand) {
  SessionEnd end = Ended(EndCause::kSetupFailed);
  end.failure = SetupFailure{Step::kExec, {Code::kResourceExhausted, "fork: no", 0}, 1};
  const ExecStatus status = StatusOf(end);
  EXPECT_EQ(status.kind, ExecStatus::Kind::kError);
  EXPECT_EQ(status.http_code, 429);
}

TEST(SessionStatusTest, WhatTheKernelRefusesTheAgentIsNoDenialOfTheCaller) {
  SessionEnd end = Ended(EndCause::kSetupFailed);
  end.failure = SetupFailure{Step::kView, {Code::kPermissionDenied, "mount: no", 0}, 1};
  const ExecStatus status = StatusOf(end);
  EXPECT_EQ(status.kind, ExecStatus::Kind::kError);
  EXPECT_EQ(status.http_code, 500);
  EXPECT_EQ(status.reason, "InternalError");
}

TEST(StatusResponseTest, EveryCodeHasItsStatus) {
  const std::map<Code, int> expected = {{Code::kInvalidArgument, 400},
                                        {Code::kUnauthenticated, 401},
                                        {Code::kPermissionDenied, 403},
                                        {Code::kNotFound, 404},
                                        {Code::kFailedPrecondition, 409},
                                        {Code::kAborted, 409},
                                        {Code::kResourceExhausted, 429},
                                        {Code::kUnimplemented, 501},
                                        {Code::kUnavailable, 503},
                                        {Code::kDeadlineExceeded, 504},
                                        {Code::kInternal, 500}};
  for (const auto& [code, status] : expected) {
    const Response response = StatusResponse(Error{code, "why", 0});
    EXPECT_EQ(response.status, status) << CodeName(code);
    const auto body = nlohmann::json::parse(response.body);
    EXPECT_EQ(body["kind"], "Status");
    EXPECT_EQ(body["code"], status);
    EXPECT_EQ(body["message"], "why");
    EXPECT_EQ(body["reason"], ReasonOf(code));
  }
}

TEST(StatusResponseTest, SaysWhenToTryAgain) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(StatusResponse(429, "TooManyRequests", "").headers, (Headers{{"Retry-After", "5"}}));
  EXPECT_EQ(StatusResponse(503, "ServiceUnavailable", "").headers, (Headers{{"Retry-After", "5"}}));
  EXPECT_EQ(StatusResponse(404, "NotFound", "").headers, Headers());
}

TEST(StatusResponseTest, BytesThatAreNoTextStayJson) {
  const Response response = StatusResponse(400, "BadRequest", "got \xff");
  EXPECT_EQ(nlohmann::json::parse(response.body)["message"], "got \xEF\xBF\xBD");
}

}  // namespace
}  // namespace nsdebug
