#pragma once

#include <string_view>

#include "base/error.h"
#include "base/target.h"
#include "docker/engine.h"

namespace nsdebug::docker {

/// Finds the process of a container that runs here, proven to be its own: Target.pidfd is valid,
/// and Target.pid is what the engine calls State.Pid. A paused container is a target too, with a
/// note. Beside the errors of Engine::InspectContainer: kFailedPrecondition when the container does
/// not run or runs in a sandbox of its own kernel, kAborted when its process went away meanwhile.
Result<Target> Resolve(const Engine& engine, std::string_view name);

}  // namespace nsdebug::docker
