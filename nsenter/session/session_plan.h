#pragma once

#include <string_view>

#include "base/error.h"
#include "base/message_socket.h"
#include "base/target.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// A whole session as its starter hands it to `ns-enter --plan-fd N`: one message over a socket of
/// MakeMessageSocketPair(), with the descriptors of the target beside it. ns-enter answers on the
/// same socket with the events of report.h, and ends the session when the other end closes.
/// Versioned; both ends refuse what they do not know.
struct SessionPlan {
  SessionSpec spec;
  Target target;
};

/// `spec.profile` must be set. The descriptors stay the caller's.
Result<void> SendSessionPlan(int socket, const SessionSpec& spec, const Target& target);

/// Waits at most `timeout_ms`.
Result<SessionPlan> ReceiveSessionPlan(int socket, int timeout_ms);

/// The pure part, for fuzzing: the message and its descriptors to a plan.
Result<SessionPlan> DecodeSessionPlan(Message message);

}  // namespace nsdebug
