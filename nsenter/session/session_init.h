#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/target.h"
#include "base/unique_fd.h"
#include "nsenter/cgroup.h"
#include "nsenter/process_handle.h"
#include "nsenter/session/identity.h"
#include "nsenter/session/session_spec.h"
#include "nsenter/supervisor.h"

namespace nsdebug {

/// What the init tells when the command has ended. The command may have had the init in its hands
/// and made this up: no more than when the end is told hangs on it.
struct CommandEnd {
  WaitStatus status;
  int32_t is_alone;  ///< 1: the command has left no process behind
};

/// What the session's init needs; all of it made before the fork.
struct InitPlan {
  const SessionSpec& spec;
  const ProcessHandle* process;      ///< the target; null for a sandbox without one
  std::optional<Identity> identity;  ///< of the container view
  UniqueFd proc;                     ///< our /proc, for the command's security label; invalid: none
  UniqueFd cgroup_namespace;         ///< joined by the command; invalid: none
  UniqueFd user_namespace;           ///< joined by the command, last; invalid: none
  const SignalState& signals;
  int parent_pidfd;                              ///< of ns-enter
  std::vector<const CgroupMembership*> cgroups;  ///< to join when the view stands
  const CgroupMembership* command_cgroup;        ///< null: the command is where the init is
  int go;      ///< a message here, with the tasks of cgroups to join besides, starts the command
  int report;  ///< messages: see report.h
  int status;  ///< a CommandEnd is written here
};

/// The init of a session: the first process of it in the target's PID namespace. It makes the view,
/// starts the command, and adopts and reaps whatever the command leaves behind, which the target's
/// own init might never do. The command may be able to trace it, so before the command starts it
/// has given up every right but to signal, and every descriptor that leads out. Does not return.
[[noreturn]] void RunSessionInit(const InitPlan& plan);

}  // namespace nsdebug
