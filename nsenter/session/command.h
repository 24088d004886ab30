#pragma once

#include <optional>

#include "nsenter/session/identity.h"
#include "nsenter/session/session_spec.h"
#include "nsenter/supervisor.h"

namespace nsdebug {

/// What the process that becomes the command needs.
struct CommandPlan {
  const SessionSpec& spec;
  const std::optional<Identity>& identity;  ///< of the container view
  int proc;                                 ///< our /proc, where `identity` has a label; else -1
  int cgroup_namespace;                     ///< -1: none to join
  int user_namespace;                       ///< -1: none to join
  int terminal;                             ///< -1: the standard streams stay
  const SignalState& signals;
  int armed;         ///< at its end when the init has given up its rights; the command waits for it
  int init_pidfd;    ///< of the session's init, its parent
  int report;        ///< a SetupFailure goes here; closes by the exec
  int cgroup_tasks;  ///< of the cgroup to be entered; -1: in it already, or none
};

/// Takes on the command's identity and rights and becomes it. In the target's namespaces, in the
/// view, privileged at first. Does not return.
[[noreturn]] void RunCommand(const CommandPlan& plan);

}  // namespace nsdebug
