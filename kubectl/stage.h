#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "kubectl/exit_code.h"

namespace nsdebug::kubectl {

/// Why a run of the plugin ended before the command did.
struct Stopped {
  Error error;
  int exit_code = kExitSetupFailed;
  std::string_view advice;  ///< what to do next; empty: the message has it
};

template <class T>
using Stage = tl::expected<T, Stopped>;

/// With the exit code of this stage; the message says what to do.
tl::unexpected<Stopped> Stop(Error error, int exit_code);

/// With the exit code and the advice for what somebody answered, or did not answer.
tl::unexpected<Stopped> StopAt(Peer peer, Error error);

/// Says it on stderr, the advice on a line of its own. The exit code.
int Tell(const Stopped& stopped);

}  // namespace nsdebug::kubectl
