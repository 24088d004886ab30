#pragma once

#include "kubectl/cluster_connection.h"
#include "kubectl/kubeconfig/environment.h"
#include "kubectl/kubeconfig/selection.h"
#include "kubectl/options.h"
#include "kubectl/stage.h"
#include "kubectl/transport/request_log.h"

namespace nsdebug::kubectl {

/// Who we are, and to which cluster.
struct Client {
  ClientConfig config;
  Credential credential;
  Environment environment;
  RequestLog* log = nullptr;  ///< outlives all connections
};

/// From the kubeconfig and the flags. May run a credential plugin.
Stage<Client> LoadClient(const PluginOptions& options, RequestLog* log);

/// For a connection to its API server.
ClusterAccess AccessOf(const PluginOptions& options, const Client& client);

}  // namespace nsdebug::kubectl
