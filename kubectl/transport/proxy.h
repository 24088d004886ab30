#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug::kubectl {

/// A proxy on the way to a server.
struct Proxy {
  enum class Kind { kHttp, kHttps, kSocks5 };

  Kind kind = Kind::kHttp;
  std::string host;
  uint16_t port = 0;
  std::string username;
  std::string password;  ///< never printed

  /// "http://HOST:PORT", for messages.
  std::string Name() const;
};

/// $HTTPS_PROXY and $NO_PROXY, or what stands for them in lower case.
struct ProxyVariables {
  std::string_view https_proxy;
  std::string_view no_proxy;
};

/// The URL of a proxy as kubeconfig's proxy-url has it; none when it is empty. kInvalidArgument:
/// not http, https or socks5; the message does not quote it, for it may have a password.
Result<std::optional<Proxy>> ParseProxyUrl(std::string_view url);

/// The proxy of the environment for an https server, as Go's net/http chooses it: none for
/// localhost and loopback addresses, and none for what NO_PROXY names: "*", addresses, networks,
/// domains with all below them, each with a port or without.
Result<std::optional<Proxy>> ProxyOfEnvironment(const ProxyVariables& variables,
                                                const std::string& host, uint16_t port);

}  // namespace nsdebug::kubectl
