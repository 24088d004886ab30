#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/error.h"

namespace nsdebug::docker {

/// An engine accepts at once or hangs: connecting to a Unix socket crosses no network.
inline constexpr std::chrono::milliseconds kConnectTimeout = std::chrono::seconds(2);
/// For a whole answer: an engine that is busy with its disk may take seconds to describe a
/// container.
inline constexpr std::chrono::milliseconds kAnswerTimeout = std::chrono::seconds(10);
/// For a whole answer, its head included: the description of a container has a few KiB, and
/// thousands of labels and mounts still fit.
inline constexpr size_t kMaxAnswerBytes = size_t{1} << 20;

struct EngineOptions {
  std::string socket_path;  ///< as ChooseEndpoint gives it
  std::chrono::milliseconds connect_timeout = kConnectTimeout;
  std::chrono::milliseconds answer_timeout = kAnswerTimeout;
};

/// What an engine answered, of any status.
struct Answer {
  int status = 0;
  bool is_podman = false;  ///< Podman names its own API's version in every answer
  std::string body;
};

/// One GET over a connection of its own, bounded in time and size from the first byte on. `target`
/// is sent as it is. May be called from several threads. kNotFound, kPermissionDenied,
/// kUnavailable: the socket cannot be connected to; kDeadlineExceeded, kResourceExhausted: a bound
/// was reached; kInternal: the peer does not speak HTTP.
Result<Answer> FetchAnswer(const EngineOptions& options, const std::string& target);

}  // namespace nsdebug::docker
