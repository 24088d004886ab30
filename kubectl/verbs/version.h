#pragma once

#include <string>
#include <string_view>

#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"
#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

inline constexpr std::string_view kVersionPath = "/version";

/// The version in an agent's answer to kVersionPath; empty when there is none.
std::string VersionOf(const std::string& answer);

/// What to say when a client and an agent differ by more than a patch; empty: they do not. Pure.
std::string SkewWarning(std::string_view client, std::string_view agent, std::string_view name);

/// This program's version, and those of the agents unless `connector` is null.
asio::awaitable<int> RunVersion(const Connector* connector, OutputFormat format);

}  // namespace nsdebug::kubectl
