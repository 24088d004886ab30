#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "kubectl/exec/exec_path.h"

namespace nsdebug::kubectl {

inline constexpr std::string_view kAgentApi = "/apis/ns-debug.io/v1alpha1";

/// The request targets of what the agent says of a pod, and of whether an exec would be allowed.
std::string PodPath(const ExecParameters& parameters);
std::string AccessPath(const ExecParameters& parameters);

/// Says an agent's refusal on stderr, with what to do next; the exit code.
int SayAgentError(const Error& error);

/// Writes to stdout. 0, or the exit code when nobody reads it.
int Print(std::string_view text);

}  // namespace nsdebug::kubectl
