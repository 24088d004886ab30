#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nsdebug {

/// Kubernetes' remote command protocol over WebSocket, as kubelet and the API server speak it: each
/// message belongs to one channel, and its first byte says which.
enum class Channel : uint8_t {
  kStdin = 0,
  kStdout = 1,
  kStderr = 2,   ///< never with a terminal, which has one output
  kStatus = 3,   ///< how it ended: once and last, a metav1.Status since v4, plain text before
  kResize = 4,   ///< sizes of the terminal; since v3
  kClose = 255,  ///< ends the channel that the second byte names; since v5, clients only: kubectl
                 ///< takes one from a server for an unknown stream
};

/// Those that carry data are 0 to kChannelCount - 1.
inline constexpr size_t kChannelCount = 5;

/// Kubernetes 1.30: v4 and the close signal, without which stdin has no end.
inline constexpr std::string_view kV5 = "v5.channel.k8s.io";
/// Kubernetes 1.4: the status is JSON and tells the exit code.
inline constexpr std::string_view kV4 = "v4.channel.k8s.io";
/// v4 in text messages, for clients that have no binary ones: the channel as a digit, then base64.
inline constexpr std::string_view kV4Base64 = "v4.base64.channel.k8s.io";

}  // namespace nsdebug
