#pragma once

#include <string_view>

#include "base/error.h"
#include "remotecommand/exec_status.h"

namespace nsdebug::kubectl {

/// The exit status when the command did not give its own. Part of the interface: scripts read them,
/// so a number never changes its meaning. Commands can exit with them, too; the line on standard
/// error, which the command never gets, tells the two apart.
inline constexpr int kExitUsage = 1;             ///< the arguments make no sense; nothing was sent
inline constexpr int kExitConnectionLost = 240;  ///< nobody knows how the command ended
inline constexpr int kExitDenied = 241;          ///< 401 or 403, of the API server or the agent
inline constexpr int kExitTargetGone = 242;      ///< no such target, or it ended
inline constexpr int kExitAgentMissing = 243;    ///< no agent on the node, or it is not ready
inline constexpr int kExitSetupFailed = 244;     ///< the agent could not start the command
inline constexpr int kExitClientConfig = 245;    ///< kubeconfig, credential plugin, certificates
inline constexpr int kExitInterrupted = 130;     ///< the person left, as a shell has it for Ctrl-C
inline constexpr int kExitTimeOver = 246;        ///< the session reached a limit of time
inline constexpr int kExitSomeFailed = 247;      ///< of many targets not all succeeded

/// How it ended for the shell, and one line of what to do next for the person; empty when the
/// command ended by itself.
struct Outcome {
  int exit_code = 0;
  std::string_view advice;
};

Outcome OutcomeOf(const ExecStatus& status);

/// Who answered.
enum class Peer { kApiServer, kAgent };

/// Of an HTTP status that is not a success.
Outcome OutcomeOfHttp(Peer peer, int http_status);

/// The same of an error by its code; 130 for a person who left.
int ExitCodeOf(Peer peer, const Error& error);

/// The same, with what to do next.
Outcome OutcomeOfError(Peer peer, const Error& error);

/// What to do next for one of the codes above.
std::string_view AdviceFor(int exit_code);

}  // namespace nsdebug::kubectl
