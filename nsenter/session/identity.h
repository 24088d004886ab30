#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/security_label.h"
#include "nsenter/capabilities.h"
#include "nsenter/process_handle.h"
#include "nsenter/session/resource_limits.h"

namespace nsdebug {

/// What runc and crun give where the specification does not say.
inline constexpr mode_t kDefaultUmask = 022;

/// Who a command is and where it starts: what execve(2) keeps.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  CapabilitySets capabilities;
  bool no_new_privs = false;
  bool seccomp = false;  ///< the process has a filter: the command gets ours in its place
  mode_t umask = kDefaultUmask;
  std::vector<ResourceLimit> limits;  ///< the others stay ours: ApplyLimits(), not AssumeIdentity()
  std::vector<std::string> environment;
  std::string working_directory = "/";
  SecurityLabel label;
};

/// The identity that the runtime's own exec gives a command: from the process object of the
/// container's OCI runtime spec when the runtime tells it, else from its init process as it is now,
/// which may have dropped rights since it started. The security label is always the process's.
Result<Identity> ContainerIdentity(const ProcessHandle& process, const std::string& process_spec,
                                   const SecurityModules& modules);

/// Parses the process object (config.md of the OCI runtime specification); hostile input.
Result<Identity> ParseProcessSpec(const std::string& json);

/// Parses a /proc/PID/status and environ.
Result<Identity> ParseProcessStatus(const std::string& status, const std::string& environ);

/// The id that `id` has inside a user namespace with this /proc/PID/uid_map or gid_map, read from
/// outside it; nothing when it has none.
std::optional<uint32_t> MapIntoUserNamespace(std::string_view map, uint32_t id);

/// Has the next exec take the label. By `proc`, the /proc that ns-enter started with: that of the
/// target is what the target makes of it, and may be no proc file system at all (CVE-2019-16884).
Result<void> TakeSecurityLabel(const SecurityLabel& label, int proc);

/// Becomes it, but for the label. In the target's namespaces, single-threaded, before exec; working
/// directory and environment included, no_new_privs last. `groups_dropped`: the supplementary
/// groups are gone, and it may be that the user namespace lets nobody set any.
Result<void> AssumeIdentity(const Identity& identity, bool groups_dropped);

}  // namespace nsdebug
