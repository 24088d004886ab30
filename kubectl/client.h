#pragma once

#include <memory>

#include "kubectl/cluster_connection.h"
#include "kubectl/kubeconfig/credential_source.h"
#include "kubectl/kubeconfig/environment.h"
#include "kubectl/kubeconfig/selection.h"
#include "kubectl/options.h"
#include "kubectl/stage.h"
#include "kubectl/transport/request_log.h"

namespace nsdebug::kubectl {

/// Who we are, and to which cluster.
struct Client {
  ClientConfig config;
  /// Asked for each connection: a run may outlast the answer of a plugin, or a token file's token.
  std::unique_ptr<CredentialSource> credentials;
  Environment environment;
  RequestLog* log = nullptr;  ///< outlives all connections
};

/// From the kubeconfig and the flags. May run a credential plugin.
Stage<Client> LoadClient(const PluginOptions& options, RequestLog* log);

/// For a connection to its API server. May run a credential plugin.
Stage<ClusterAccess> AccessOf(const PluginOptions& options, const Client& client);

}  // namespace nsdebug::kubectl
