#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "nsenter/supervisor.h"

namespace nsdebug {

/// What a one-shot exec answers.
struct ExecResult {
  /// Where it ran. Of the node itself only `pid` and `node` are set.
  struct Where {
    std::string pod_namespace;
    std::string pod;
    std::string container;
    std::string container_id;
    pid_t pid = 0;  ///< on the node
    std::string node;
  };

  WaitStatus status = 0;
  std::string cause;  ///< why it ended: "exit", "deadline" and what else SessionEvent has
  std::string stdout_data;
  std::string stderr_data;
  bool stdout_truncated = false;  ///< there was more
  bool stderr_truncated = false;
  std::chrono::milliseconds duration{0};
  Where target;
};

/// What an output's characters that JSON has to escape may add to its size before it is no text.
/// Enough for every small output, and for colours; many control characters would make six of each.
inline constexpr size_t kMaxEscapeBytes = 64 << 10;

/// As JSON. An output that is UTF-8 is the text "stdout", any other the key "stdoutBase64": exactly
/// one of the two is there. What truncation left of a last character is dropped, so that it does
/// not make bytes of a text. A text of which escapes would make more than half as much again, and
/// more than kMaxEscapeBytes, counts as bytes too.
std::string EncodeExecResult(ExecResult result);

}  // namespace nsdebug
