#pragma once

#include "kubectl/options.h"
#include "kubectl/transport/asio.h"

namespace nsdebug::kubectl {

/// The whole run, from the kubeconfig to the command's end. The exit code; what there is to say is
/// said on stderr.
asio::awaitable<int> RunPlugin(PluginOptions options);

}  // namespace nsdebug::kubectl
