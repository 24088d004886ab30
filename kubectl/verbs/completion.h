#pragma once

#include <string_view>

#include "base/error.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/completion_plan.h"
#include "kubectl/verbs/connector.h"

namespace nsdebug::kubectl {

/// Prints the choices as kubectl wants them of kubectl_complete-ns_debug: one for each line, then
/// ":" and cobra's directive. `connector` is null when nobody needs to be asked.
asio::awaitable<int> RunComplete(const Connector* connector, CompletionPlan plan);

/// The script that a shell loads. kInvalidArgument: for another shell than bash, zsh and fish.
Result<std::string_view> CompletionScript(std::string_view shell);

}  // namespace nsdebug::kubectl
