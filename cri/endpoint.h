#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cri/client.h"

namespace nsdebug::cri {

/// Where runtimes listen, in the order in which crictl tries them, then the distributions' own.
const std::vector<std::string>& DefaultSockets();

/// "unix:///run/x.sock" or "/run/x.sock" to the path of the socket. Other schemes are
/// kInvalidArgument: a runtime is reached on its own node only.
Result<std::string> ParseEndpoint(std::string_view endpoint);

/// A client of the runtime at `endpoint`, or when that is empty of the first of `sockets` at which
/// one answers. The error names every socket that was tried and why it was not.
Result<std::unique_ptr<Client>> ConnectRuntime(
    std::string_view endpoint, const ClientOptions& options = {},
    const std::vector<std::string>& sockets = DefaultSockets());

}  // namespace nsdebug::cri
