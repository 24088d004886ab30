#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/message_socket.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// A session as a client asked for it: every field checked, the rest filled from the defaults.
struct ExecRequest {
  SessionSpec spec;
  std::string container;  ///< empty: the pod's default one
  bool sandbox = false;   ///< the pod's own namespaces instead of a container's
  bool want_stdin = false;
  bool want_stdout = false;
  bool want_stderr = false;  ///< never with a terminal, which has one output

  /// Of a one-shot exec only.
  std::string stdin_data;
  uint64_t max_output_bytes = 0;  ///< of stdout and of stderr each
};

/// What the agent's configuration and the route decide.
struct ExecDefaults {
  View view = View::kToolbox;  ///< the container's for stock kubectl, which knows no other
  std::string profile = std::string(kDefaultProfile);
  bool is_node = false;  ///< the node itself: it has no containers to choose from
  /// Unset: the node's own root, for targets only that cannot look into it (SessionSpec::tools).
  std::optional<std::string> toolbox;
  std::string cgroup_parent = "/ns-debug";
  CgroupLimits limits;
  std::chrono::milliseconds max_duration{3'600'000};  ///< also when a client names none
  uint64_t max_output_bytes = uint64_t{4} << 20;      ///< likewise
};

inline constexpr size_t kMaxExecBodyBytes = size_t{4} << 20;
inline constexpr size_t kMaxCommandArguments = 1024;
inline constexpr size_t kMaxEnvironmentEntries = 256;
inline constexpr size_t kMaxContainerNameBytes = 253;
inline constexpr size_t kMaxPathBytes = 4096;
/// As JSON counts them, with its escapes: a session goes to ns-enter in one message.
inline constexpr size_t kMaxCommandBytes = 32 << 10;
inline constexpr size_t kMaxEnvironmentBytes = 16 << 10;
/// Per byte of JSON text: \u0001.
inline constexpr size_t kMaxEscape = 6;
/// What else is in that message: above all the environment that the runtime tells of the target.
inline constexpr size_t kPlanReserveBytes = 48 << 10;
static_assert(kMaxCommandBytes + kMaxEnvironmentBytes + kMaxEscape * kMaxPathBytes +
                  kPlanReserveBytes <=
              kMaxMessageBytes);

/// Names and values of a query, percent-decoded, in their order.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// An interactive or streamed exec, with the parameters of pods/exec and ours. A Boolean is false
/// when it is absent, "0" or "false" in any case, else true, as Kubernetes reads it. Every error is
/// kInvalidArgument and names the parameter and what was expected.
Result<ExecRequest> ParseExecQuery(const QueryParameters& query, const ExecDefaults& defaults);

/// A one-shot exec. Errors as above; none repeats what may be a secret: stdin and values of env.
Result<ExecRequest> ParseExecBody(std::string_view body, const ExecDefaults& defaults);

}  // namespace nsdebug
