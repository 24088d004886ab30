#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// Messages with descriptors over a SOCK_SEQPACKET pair, between two programs of ours on one node.
inline constexpr size_t kMaxMessageBytes = size_t{16} << 20;
/// What a socket takes at once whatever its buffers; a longer message goes in a sealed memory file.
inline constexpr size_t kMaxInlineBytes = 131072;
inline constexpr size_t kMaxMessageFds = 16;

struct Message {
  std::string bytes;
  std::vector<UniqueFd> fds;
};

struct MessageSocketPair {
  UniqueFd first;
  UniqueFd second;
};

/// Both ends close-on-exec.
Result<MessageSocketPair> MakeMessageSocketPair();

/// Sends one message; `fds` stay the caller's.
Result<void> SendMessage(int socket, std::string_view bytes, const std::vector<int>& fds = {});

/// Waits for one message for at most `timeout_ms`: kDeadlineExceeded after that, kUnavailable when
/// the peer closed without one, kInternal when the message exceeds a bound. Descriptors arrive
/// close-on-exec.
Result<Message> ReceiveMessage(int socket, int timeout_ms);

}  // namespace nsdebug
