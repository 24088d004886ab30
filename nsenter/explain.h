#pragma once

#include <string>

#include "base/error.h"
#include "base/target.h"
#include "nsenter/plan.h"

namespace nsdebug {

/// What carrying out the plan would do: the process, which namespaces are entered and which of them
/// are ours anyway, the user, the capabilities, the cgroup. Nothing is done.
Result<std::string> Explain(const Plan& plan, const Target& target, bool json);

}  // namespace nsdebug
