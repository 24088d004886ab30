#pragma once

#include <memory>
#include <string>

#include "kubectl/cluster_connection.h"
#include "kubectl/exec/exec_path.h"
#include "kubectl/stage.h"
#include "kubectl/target.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// What the way through the API server is looked for with.
struct RouteRequest {
  ClusterAccess access;
  TargetName target;
  std::string agent_namespace;
  bool quiet = false;
};

/// Finds the target and its node by the API server, and opens a connection to the agent there.
/// Completes `parameters` with the pod, the container and the node that were found.
asio::awaitable<Stage<std::unique_ptr<HttpClient>>> ConnectThroughCluster(
    RouteRequest request, ExecParameters* parameters);

}  // namespace nsdebug::kubectl
