#pragma once

#include <string>
#include <vector>

#include "kubectl/exec/exec_path.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"

namespace nsdebug::kubectl {

/// How a command runs on many targets.
struct FanOutOptions {
  size_t max_parallel = 0;
  bool as_json = false;  ///< one object for each target, in the order in which they end
  bool quiet = false;    ///< no summary
};

/// Runs the command of `parameters` in all of the pods, or on the nodes of those without a name.
/// Lines, with the target before each, or JSON on stdout; a summary on stderr. 0: it succeeded in
/// all of them; otherwise kExitSomeFailed.
///
/// Both forms stream. An agent's one-shot exec would answer only at the end, and hold the output
/// of each target in its own memory until then.
asio::awaitable<int> RunFanOut(const Connector* connector, std::vector<PodOnNode> targets,
                               ExecParameters parameters, FanOutOptions options);

}  // namespace nsdebug::kubectl
