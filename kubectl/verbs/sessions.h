#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"
#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

/// The open sessions of all agents. Not 0 when one of them could not be asked.
asio::awaitable<int> RunSessions(const Connector* connector, OutputFormat format);

/// Ends a session, on whichever node it is.
asio::awaitable<int> RunEndSession(const Connector* connector, std::string id);

/// Some agents' SessionLists as they are shown. Pure; kInternal: one is not what it must be.
Result<std::string> ShowSessions(const std::vector<std::string>& lists, OutputFormat format);

/// Whether it can be the id of a session: it goes into a path.
bool IsSessionId(std::string_view id);

}  // namespace nsdebug::kubectl
