#pragma once

#include <string>

#include "base/error.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"
#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

/// What a session in TARGET would find, and whether the caller may have one. The exit code.
asio::awaitable<int> RunExplain(const Connector* connector, std::string target,
                                OutputFormat format);

/// The agent's two answers as they are shown. Pure; kInternal: one of them is not what it must be.
/// `explanation` is empty for a node, which has no containers to choose from.
Result<std::string> ShowExplanation(const std::string& explanation, const std::string& access,
                                    OutputFormat format);

}  // namespace nsdebug::kubectl
