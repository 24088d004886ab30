#pragma once

#include "kubectl/client.h"
#include "kubectl/options.h"
#include "kubectl/verbs/connector.h"

namespace nsdebug::kubectl {

/// How the verbs reach agents: with --agent that one, else those of the cluster. Both outlive it.
Connector MakeConnector(const PluginOptions* options, const Client* client);

}  // namespace nsdebug::kubectl
