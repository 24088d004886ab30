#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug {

/// Where the API server is.
struct ApiEndpoint {
  std::string host;  ///< a name or an address, IPv6 without brackets
  uint16_t port = 443;
  std::string path_prefix;  ///< empty, or "/..." without a slash at its end
  bool is_address = false;

  /// As the Host header and messages have it: IPv6 in brackets.
  std::string Authority() const;
};

/// https://HOST[:PORT][/PREFIX]. kInvalidArgument: anything else, http too: the agent sends its own
/// token and other people's.
Result<ApiEndpoint> ParseApiUrl(std::string_view url);

/// From KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which kubelet sets in every pod.
Result<ApiEndpoint> ApiEndpointOfPod();

}  // namespace nsdebug
