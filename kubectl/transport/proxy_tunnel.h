#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "kubectl/transport/byte_stream.h"
#include "kubectl/transport/proxy.h"

namespace nsdebug::kubectl {

/// Asks a proxy for a way to a server, on a connection to the proxy (with TLS already, of an https
/// one): CONNECT, or SOCKS5, which is told the name and looks it up itself. kUnavailable,
/// kDeadlineExceeded, kPermissionDenied; the message never has the credentials.
asio::awaitable<Result<std::unique_ptr<ByteStream>>> OpenTunnel(
    std::unique_ptr<ByteStream> to_proxy, Proxy proxy, std::string host, uint16_t port,
    std::chrono::milliseconds timeout);

}  // namespace nsdebug::kubectl
