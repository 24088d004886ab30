#include <gtest/gtest.h>

#include <vector>

#include "kubectl/exit_code.h"

namespace nsdebug::kubectl {
namespace {

TEST(ExitCodeTest, ACommandsOwnEndNeedsNoAdvice) {
  EXPECT_EQ(OutcomeOf(ExecStatus{}).exit_code, 0);
  EXPECT_EQ(OutcomeOf(ExecStatus::Exited(3)).exit_code, 3);
  EXPECT_EQ(OutcomeOf(ExecStatus::Exited(241)).exit_code, 241);
  EXPECT_EQ(OutcomeOf(ExecStatus::KilledBy(9)).exit_code, 137);
  EXPECT_EQ(OutcomeOf(ExecStatus::Exited(241)).advice, "");
}

TEST(ExitCodeTest, TellsApartWhyACommandGaveNone) {
  struct Case {
    ExecStatus status;
    int exit_code;
  };
  for (const Case& c : std::vector<Case>{
           {ExecStatus::InternalError("the session was lost"), kExitConnectionLost},
           {ExecStatus::Failed("", "", 0), kExitConnectionLost},
           {ExecStatus::Failed("join: operation not permitted", "InternalError", 500),
            kExitSetupFailed},
           {ExecStatus::Failed("no", "Forbidden", 403), kExitDenied},
           {ExecStatus::Failed("no", "Unauthorized", 401), kExitDenied},
           {ExecStatus::Failed("the container has ended", "Conflict", 409), kExitTargetGone},
           {ExecStatus::Failed("no such pod", "NotFound", 404), kExitTargetGone},
           {ExecStatus::Failed("full", "TooManyRequests", 429), kExitSetupFailed},
           {ExecStatus::Failed("what", "BadRequest", 400), kExitSetupFailed},
           {ExecStatus::Failed("stopping", "ServiceUnavailable", 503), kExitAgentMissing},
           {ExecStatus::Failed("late", "Timeout", 504), kExitTimeOver},
       }) {
    const Outcome outcome = OutcomeOf(c.status);
    EXPECT_EQ(outcome.exit_code, c.exit_code) << c.status.message;
    EXPECT_NE(outcome.advice, "") << c.status.message;
  }
}

TEST(ExitCodeTest, TellsApartWhoAnswered) {
  EXPECT_EQ(OutcomeOfHttp(Peer::kApiServer, 403).exit_code, kExitDenied);
  EXPECT_NE(OutcomeOfHttp(Peer::kApiServer, 403).advice, OutcomeOfHttp(Peer::kAgent, 403).advice);
  EXPECT_EQ(OutcomeOfHttp(Peer::kApiServer, 404).exit_code, kExitTargetGone);
  EXPECT_EQ(OutcomeOfHttp(Peer::kApiServer, 503).exit_code, kExitConnectionLost);
  EXPECT_EQ(OutcomeOfHttp(Peer::kAgent, 503).exit_code, kExitAgentMissing);
}

TEST(ExitCodeTest, EveryCodeHasOneLineOfAdvice) {
  for (const int code : {kExitUsage, kExitConnectionLost, kExitDenied, kExitTargetGone,
                         kExitAgentMissing, kExitSetupFailed, kExitClientConfig, kExitTimeOver}) {
    EXPECT_NE(AdviceFor(code), "") << code;
    EXPECT_EQ(AdviceFor(code).find('\n'), std::string_view::npos) << code;
  }
  EXPECT_EQ(AdviceFor(0), "");
}

}  // namespace
}  // namespace nsdebug::kubectl
