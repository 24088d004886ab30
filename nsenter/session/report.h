#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/message_socket.h"

namespace nsdebug {

/// The step of a session's set-up that failed.
enum class Step { kPlan, kResolve, kCgroup, kJoin, kView, kTerminal, kIdentity, kSeccomp, kExec };

std::string_view StepName(Step step);

/// Why a session did not start, as data: sent from the process that failed to the one that stands
/// for the session, and from there to the agent.
struct SetupFailure {
  Step step = Step::kPlan;
  Error error;
  int exit_code = 1;
};

std::string EncodeFailure(const SetupFailure& failure);
Result<SetupFailure> DecodeFailure(std::string_view text);

}  // namespace nsdebug
