#pragma once

#include <string>

#include "base/error.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"
#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

/// Whether the exec that the flags describe would be allowed, by the agent's own answer. 0: yes.
asio::awaitable<int> RunCanI(const Connector* connector, std::string target, OutputFormat format);

/// The agent's answer as it is shown: yes, or no with the rules that are missing, as YAML. Pure;
/// kInternal: it is not what it must be.
Result<std::string> ShowAccess(const std::string& access, OutputFormat format);

}  // namespace nsdebug::kubectl
