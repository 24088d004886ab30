#pragma once

#include "base/error.h"
#include "base/target.h"
#include "nsenter/options.h"

namespace nsdebug {

/// Finds what the options name. A pid is opened here; a pod, container or Docker name is handed to
/// the program ns-resolve, so that entering a pid never loads a container runtime's client. No
/// target named: an empty one.
Result<Target> FindTarget(const Options& options);

/// "pid 4242", or "container shop/web/app (containerd 0123456789ab, pid 4242)".
std::string Describe(const Target& target, pid_t pid);

}  // namespace nsdebug
