#pragma once

#include "kubectl/options.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"

namespace nsdebug::kubectl {

/// The command of the options in all the targets that they choose. The exit code of the plugin.
asio::awaitable<int> RunFanOutVerb(const PluginOptions* options, const Connector* connector);

}  // namespace nsdebug::kubectl
