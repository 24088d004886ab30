#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug {

/// How a remote command ended, as the status channel tells it.
struct ExecStatus {
  enum class Kind {
    kSuccess,   ///< exit code 0
    kExitCode,  ///< another exit code: `exit_code`
    kError,     ///< it did not run to its end, or nobody knows how it ended
  };

  static ExecStatus Exited(int exit_code);
  /// 128 + the signal, as shells have it.
  static ExecStatus KilledBy(int signal_number);
  /// `reason` and `http_code` as in metav1.Status: ("Timeout", 504), ("NotFound", 404).
  static ExecStatus Failed(std::string message, std::string reason, int http_code);
  /// kubelet's words for what is nobody's fault but the server's.
  static ExecStatus InternalError(std::string_view message);

  Kind kind = Kind::kSuccess;
  int exit_code = 0;    ///< 0 to 255
  std::string message;  ///< for people; empty for success. One that was parsed is printable
  std::string
      reason;         ///< "NonZeroExitCode", "InternalError", "Timeout" and others of metav1.Status
  int http_code = 0;  ///< kError: what HTTP would have answered; 0: not told
};

/// The metav1.Status for the status channel. Bytes that are no UTF-8 are replaced.
std::string EncodeExecStatus(const ExecStatus& status);

/// Bounds what a client collects from the status channel before it parses it.
inline constexpr size_t kMaxStatusBytes = size_t{64} << 10;

/// Of a message that is parsed: what is longer is cut.
inline constexpr size_t kMaxStatusMessageBytes = 1024;

/// Reads any server's status as kubectl does: fields that we do not know are left out, and no text
/// at all is success, so whoever asks must know that the connection was closed in order. What a
/// hostile server says may be shown on a terminal: it cannot steer it. kInternal:
/// no JSON object, neither Success nor Failure, an exit code that is missing or beyond 255.
Result<ExecStatus> ParseExecStatus(std::string_view text);

}  // namespace nsdebug
