#include "agent/session/session_end.h"

namespace nsdebug {

std::string_view CauseName(EndCause cause) {
  switch (cause) {
    case EndCause::kExit:
      return "exit";
    case EndCause::kSetupFailed:
      return "setup failed";
    case EndCause::kDeadline:
      return "deadline";
    case EndCause::kIdle:
      return "idle";
    case EndCause::kClientGone:
      return "client gone";
    case EndCause::kEndedByUser:
      return "ended by user";
    case EndCause::kAgentStopping:
      return "agent stopping";
    case EndCause::kTargetGone:
      return "target gone";
    case EndCause::kLost:
      return "lost";
  }
  return "lost";
}

}  // namespace nsdebug
