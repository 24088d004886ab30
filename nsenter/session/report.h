#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "nsenter/program.h"
#include "nsenter/supervisor.h"

namespace nsdebug {

/// The step of a session's set-up that failed.
enum class Step { kPlan, kResolve, kCgroup, kJoin, kView, kTerminal, kIdentity, kSeccomp, kExec };

std::string_view StepName(Step step);

/// Why a session did not start, as data.
struct SetupFailure {
  Step step = Step::kPlan;
  Error error;
  int exit_code = kExitSetupFailed;

  /// The session was there, and exec(3) refused the command: 126 or 127, as shells have it. A node
  /// without a process left for the command is no such refusal.
  bool is_refused_command() const { return step == Step::kExec && exit_code != kExitSetupFailed; }
};

/// What happens in a session, in this order: told by the processes that make it to ns-enter, and by
/// ns-enter to the agent.
struct SessionEvent {
  enum class Kind {
    kTerminal,  ///< its master comes beside the message
    kStarted,   ///< the command has a process
    kFailed,    ///< it will not run
    kExecuted,  ///< it runs
    kEnded,     ///< it has ended, and nothing of the session is left
  };

  static SessionEvent Of(Kind kind) { return {kind, 0, {}, 0, {}}; }
  static SessionEvent Started(pid_t command) { return {Kind::kStarted, command, {}, 0, {}}; }
  static SessionEvent Failed(SetupFailure failure) {
    return {Kind::kFailed, 0, std::move(failure), 0, {}};
  }
  static SessionEvent Ended(WaitStatus status, std::string cause) {
    return {Kind::kEnded, 0, {}, status, std::move(cause)};
  }

  Kind kind = Kind::kExecuted;
  pid_t command = 0;      ///< kStarted: its number in its own PID namespace
  SetupFailure failure;   ///< kFailed
  WaitStatus status = 0;  ///< kEnded
  std::string cause;      ///< kEnded: "exit", "deadline" or "starter gone"
};

std::string EncodeEvent(const SessionEvent& event);
/// Refuses another version and kinds and steps it does not know.
Result<SessionEvent> DecodeEvent(std::string_view text);

}  // namespace nsdebug
