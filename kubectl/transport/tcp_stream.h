#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "kubectl/transport/byte_stream.h"

namespace nsdebug::kubectl {

/// Connects to a host by name or address. kUnavailable says to what and why; kDeadlineExceeded.
asio::awaitable<Result<std::unique_ptr<ByteStream>>> ConnectTcp(std::string host, uint16_t port,
                                                                std::chrono::milliseconds timeout);

}  // namespace nsdebug::kubectl
