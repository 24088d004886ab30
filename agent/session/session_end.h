#pragma once

#include <optional>
#include <string_view>

#include "nsenter/session/report.h"

namespace nsdebug {

/// Why a session ended: the first thing that happened.
enum class EndCause {
  kExit,           ///< the command did, by itself or by somebody's signal
  kSetupFailed,    ///< the command was not executed
  kDeadline,       ///< its time was over
  kIdle,           ///< no byte went in either direction for too long
  kClientGone,     ///< the client closed or was lost
  kEndedByUser,    ///< through the API
  kAgentStopping,  ///< the agent was told to stop
  kTargetGone,     ///< the container ended, and the kernel killed what had entered it
  kLost,           ///< ns-enter died without a word
};

/// "exit", "setup failed", ...: for audit, metrics and answers.
std::string_view CauseName(EndCause cause);

struct SessionEnd {
  EndCause cause = EndCause::kLost;
  std::optional<WaitStatus> status;     ///< of the command, once it was executed
  std::optional<SetupFailure> failure;  ///< kSetupFailed
};

}  // namespace nsdebug
