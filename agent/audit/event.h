#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// Who wants into what: of every audit event. What is empty, or 0, is left out of the line.
struct AuditSubject {
  std::string session_id;
  std::string user;
  std::vector<std::string> groups;
  std::string source;         ///< address and port that the request came from
  std::string pod_namespace;  ///< empty, as the next four, for a session on the node itself
  std::string pod;
  std::string container;
  std::string container_id;
  pid_t pid = 0;  ///< of the target, in the agent's PID namespace
  std::string node;
  std::string profile;
  std::string view;
  std::vector<std::string> command;  ///< as it was asked for: the log masks it
};

struct SessionOpened {
  AuditSubject subject;
};

struct SessionClosed {
  AuditSubject subject;
  uint64_t bytes_in = 0;   ///< from the client
  uint64_t bytes_out = 0;  ///< to the client
  std::chrono::milliseconds duration{0};
  /// One of the first two; neither when the command's end is not known.
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string cause;  ///< when something else than the command ended it: "idle for 15m"
};

struct SessionDenied {
  AuditSubject subject;
  Code code = Code::kPermissionDenied;
  std::string reason;
};

using AuditEvent = std::variant<SessionOpened, SessionClosed, SessionDenied>;

}  // namespace nsdebug
