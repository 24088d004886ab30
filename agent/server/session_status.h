#pragma once

#include "agent/session/session_end.h"
#include "remotecommand/exec_status.h"

namespace nsdebug {

/// The one place that says what a streamed exec's client is told of an end. Exit codes are the
/// command's alone: whatever else ended it is an error, never a code, and never success.
ExecStatus StatusOf(const SessionEnd& end);

}  // namespace nsdebug
