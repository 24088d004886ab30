#pragma once

#include <array>

#include "base/error.h"
#include "base/message_socket.h"
#include "base/target.h"
#include "base/unique_fd.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// A whole session as its starter hands it to `ns-enter --plan-fd N`: one message over a socket of
/// MakeMessageSocketPair(), with the descriptors of the target beside it. ns-enter answers on the
/// same socket with the events of report.h, and ends the session when the other end closes.
/// Versioned; both ends refuse what they do not know.
struct SessionPlan {
  SessionSpec spec;
  Target target;
  /// For the command, by their numbers; of those that did not come with the plan it has ns-enter's
  /// own.
  std::array<UniqueFd, 3> standard_streams;
};

/// `spec.profile` must be set, and invalid ones of `standard_streams` are not sent. The descriptors
/// stay the caller's. Does not block when it is the first message over the socket.
Result<void> SendSessionPlan(int socket, const SessionSpec& spec, const Target& target,
                             const std::array<UniqueFd, 3>& standard_streams);

/// Waits at most `timeout_ms`, without end when that is negative.
Result<SessionPlan> ReceiveSessionPlan(int socket, int timeout_ms);

/// The pure part, for fuzzing: the message and its descriptors to a plan.
Result<SessionPlan> DecodeSessionPlan(Message message);

}  // namespace nsdebug
