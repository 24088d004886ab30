#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "kubectl/exec/exec_path.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"
#include "remotecommand/exec_status.h"

namespace nsdebug::kubectl {

/// Takes a piece of the command's output; 1 is stdout, 2 stderr. False: nobody wants any more.
using TakeOutput = std::function<bool(int fd, std::string_view data)>;

/// Runs a command without input, and gives its output to `take` as it comes. How it ended; the
/// errors are the agent's refusal, or kUnavailable: the connection was lost, and nobody knows.
/// kAborted: `take` wants no more; the agent ends the command.
asio::awaitable<Result<ExecStatus>> RunCaptured(std::unique_ptr<HttpClient> agent,
                                                ExecParameters parameters, TakeOutput take);

}  // namespace nsdebug::kubectl
