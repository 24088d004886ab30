#pragma once

#include <string>

#include "kubectl/kubeconfig/environment.h"

namespace nsdebug::kubectl {

/// Whether we run in a pod that has credentials of a service account.
bool IsInCluster(const Environment& environment);

/// "https://HOST:PORT" of the API server as pods are told.
std::string InClusterServer(const Environment& environment);

/// $POD_NAMESPACE, else the namespace of the service account; empty when neither says.
std::string InClusterNamespace(const Environment& environment);

}  // namespace nsdebug::kubectl
