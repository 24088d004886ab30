#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "docker/container.h"
#include "docker/request.h"

namespace nsdebug::docker {

/// The Docker Engine API on a Unix socket, Docker's own or Podman's compatible one. Holds no
/// connection between calls; calls may come from several threads. No answer is trusted: each is
/// bounded in time and size, and checked.
class Engine {
 public:
  explicit Engine(EngineOptions options);

  const std::string& socket_path() const { return options_.socket_path; }

  /// Describes one container, named by its name, its id or a unique prefix of its id, with or
  /// without a leading '/'. A name against Docker's rule is refused before anything is sent.
  /// kInvalidArgument: no possible name. kNotFound: no such container, or no such socket.
  /// kFailedPrecondition: the prefix is ambiguous. kPermissionDenied: the socket or the engine
  /// refuses us. kUnavailable: nothing answers. kDeadlineExceeded: no whole answer in time.
  /// kResourceExhausted: an answer beyond kMaxAnswerBytes. kInternal: not the answer of an engine.
  Result<Container> InspectContainer(std::string_view name) const;

 private:
  EngineOptions options_;
};

}  // namespace nsdebug::docker
