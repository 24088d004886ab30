#pragma once

#include "base/target.h"
#include "nsenter/session/node_facts.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// How a session is tied to whoever started it.
struct SessionLinks {
  int starter_fd = -1;   ///< the session ends when the other end of this closes; -1: none
  int plan_socket = -1;  ///< failures, the terminal and the end are told here as data; -1: by text,
                         ///< and the terminal is relayed to our own standard streams
};

/// The exit code when the session's time is over, as timeout(1) has it.
inline constexpr int kExitDeadline = 124;

/// Runs a session in the target and ends like its command: the process exits with the command's
/// status or dies of its signal. When this returns, or however the process ends, nothing of the
/// session is left: no process, cgroup, mount or file; what guard.h cannot do is said on standard
/// error. Returns the exit code when the session did not start.
int RunSession(const SessionSpec& spec, Target* target, const SessionLinks& links,
               const NodeFacts& facts);

}  // namespace nsdebug
