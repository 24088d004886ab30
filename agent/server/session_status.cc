#include "agent/server/session_status.h"

#include <sys/wait.h>

#include <string>

#include "agent/server/status_response.h"

namespace nsdebug {

namespace {

ExecStatus OfCommand(WaitStatus status) {
  if (WIFSIGNALED(status)) return ExecStatus::KilledBy(WTERMSIG(status));
  return ExecStatus::Exited(WEXITSTATUS(status));
}

ExecStatus Of(Code code, std::string message) {
  return ExecStatus::Failed(std::move(message), std::string(ReasonOf(code)), HttpStatusOf(code));
}

ExecStatus OfFailure(const SetupFailure& failure) {
  if (failure.is_refused_command()) {
    ExecStatus status = ExecStatus::Exited(failure.exit_code);
    status.message = failure.error.message;
    return status;
  }
  const Error error = OfNode(failure.error);
  return Of(error.code, error.message);
}

}  // namespace

ExecStatus StatusOf(const SessionEnd& end) {
  switch (end.cause) {
    case EndCause::kExit:
      if (end.status) return OfCommand(*end.status);
      break;
    case EndCause::kSetupFailed:
      if (end.failure) return OfFailure(*end.failure);
      break;
    case EndCause::kDeadline:
      return Of(Code::kDeadlineExceeded, "the session's time is over: see timeoutSeconds");
    case EndCause::kIdle:
      return Of(Code::kDeadlineExceeded,
                "the session was ended because nothing went in or out for too long");
    case EndCause::kEndedByUser:
      return Of(Code::kAborted, "the session was ended through the agent's API");
    case EndCause::kAgentStopping:
      return Of(Code::kUnavailable, "the agent is stopping: try again when it has been restarted");
    case EndCause::kTargetGone:
      return Of(Code::kAborted, "the container has ended, and the session with it");
    case EndCause::kClientGone:
    case EndCause::kLost:
      break;
  }
  return ExecStatus::InternalError("the session was lost: nobody knows how the command ended");
}

}  // namespace nsdebug
