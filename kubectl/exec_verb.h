#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "kubectl/exec/exec_path.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// Runs a command at an agent and carries its streams. The exit code of the plugin; what there is
/// to say is said on stderr.
asio::awaitable<int> RunExec(std::unique_ptr<HttpClient> agent, ExecParameters parameters);

}  // namespace nsdebug::kubectl
