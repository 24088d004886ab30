#pragma once

#include <chrono>
#include <memory>

#include "base/error.h"
#include "kubectl/kubeconfig/credential_source.h"
#include "kubectl/kubeconfig/environment.h"
#include "kubectl/kubeconfig/selection.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// How to reach the API server, and who we are to it.
struct ClusterAccess {
  ClientConfig config;
  Credential credential;
  Environment environment;  ///< of proxies
  std::chrono::milliseconds timeout{0};
  RequestLog* log = nullptr;  ///< outlives the connection
};

/// A connection to the API server, through a proxy where there is to be one, with our credential on
/// every request.
asio::awaitable<Result<std::unique_ptr<HttpClient>>> ConnectCluster(ClusterAccess access);

}  // namespace nsdebug::kubectl
