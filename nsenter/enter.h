#pragma once

#include "base/error.h"
#include "nsenter/plan.h"

namespace nsdebug {

/// Carries the plan out: enters, and becomes the command, or starts it and stands for it until it
/// ends. Returns only when that failed or the started command could not be executed; the result is
/// then the exit code, after the reason was written to stderr.
int Enter(const Plan& plan);

}  // namespace nsdebug
