#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug::cri {

/// Connects to a stream socket, close-on-exec and non-blocking. The error says why in words a
/// person can act on: kUnavailable (missing, refuses), kPermissionDenied, kDeadlineExceeded (the
/// listener's queue stayed full for `timeout`), kInvalidArgument (the path cannot be an address).
Result<UniqueFd> ConnectUnixSocket(const std::string& path, std::chrono::milliseconds timeout);

/// Whether the peer has closed the connection. Never blocks.
bool PeerHasClosed(int socket);

}  // namespace nsdebug::cri
