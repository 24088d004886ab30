#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "nsenter/process_handle.h"
#include "nsenter/profile.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// Why processes of a target can look through /proc/PID/root into the root of a command that runs
/// among them, and read there what their users may.
enum class Exposure {
  kNone,
  kTracer,        ///< they have SYS_PTRACE
  kSameRights,    ///< they have every capability of the command, and may become its user
  kOwnNamespace,  ///< they made its user namespace, and so have every capability in it
};

/// The kernel's rule for /proc/PID/root, but for the users: ptrace(2), PTRACE_MODE_READ_FSCREDS.
Exposure ExposureTo(CapabilitySet target, CapabilitySet command);

/// What a command of this session holds after its exec, where ns-enter itself holds `own`.
CapabilitySet CommandCapabilities(const SessionSpec& spec, CapabilitySet own);

/// Whether the target of `process` could look into the toolbox view. `process_spec` as in Target.
/// It is asked what its processes may have, not what they have at the moment.
Result<Exposure> FindExposure(const SessionSpec& spec, const ProcessHandle& process,
                              const std::string& process_spec);

/// The refusal of a session that would show the node's own root to the target.
Error ExposureError(Exposure exposure);

}  // namespace nsdebug
