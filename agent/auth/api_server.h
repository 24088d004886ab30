#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "agent/config/config.h"
#include "base/error.h"

namespace nsdebug {

/// Calls that are on their way at a time, each on a connection of its own. More wait for their
/// turn.
inline constexpr size_t kMaxApiConnections = 8;
/// Of the file with the API server's CAs.
inline constexpr size_t kMaxCaFileBytes = size_t{1} << 20;

/// The client of the kube-apiserver: HTTPS with the agent's service account token, connections kept
/// alive. Blocking; any thread may call. The token and the CA are read again when their files
/// change.
///
/// Each call ends within call_timeout, the waits for its turn and for a new connection included.
/// Errors: kUnavailable (not reachable, not trusted, 5xx, 429), kDeadlineExceeded,
/// kPermissionDenied (the agent's own account may not; says what to bind), kNotFound, kInternal (an
/// answer that must not be). No message holds a token or an answer, besides the short message of a
/// Status.
class ApiServer {
 public:
  /// kInvalidArgument: no URL, or not one. The files are not read yet: a node's agent may start
  /// before them.
  static Result<std::unique_ptr<ApiServer>> Create(const ApiServerConfig& config);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// The body of a 2xx answer. `path` begins with a slash. Asked twice when a connection that was
  /// kept turns out closed, so only for what creates no state: reviews.
  Result<std::string> Post(const std::string& path, const std::string& json_body);
  Result<std::string> Get(const std::string& path);

  std::chrono::milliseconds call_timeout() const;

 private:
  class Connections;
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace nsdebug
