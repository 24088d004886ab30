#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "kubectl/transport/byte_stream.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// A connection to a port of a pod, through the API server's and kubelet's port-forward, in the
/// form that Kubernetes 1.28 and all later ones have: WebSocket with v4.channel.k8s.io, one port.
/// The connection of `client` is used up.
///
/// The errors are the API server's (kPermissionDenied, kNotFound) or kUnavailable. Whether the port
/// is open shows with the first read: its end then has a Reason(), told by the node.
class PortForward {
 public:
  static asio::awaitable<Result<std::unique_ptr<ByteStream>>> Open(
      std::unique_ptr<HttpClient> client, std::string pod_namespace, std::string pod,
      uint16_t port);
};

}  // namespace nsdebug::kubectl
