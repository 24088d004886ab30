#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "remotecommand/channel.h"
#include "remotecommand/exec_status.h"

namespace nsdebug::kubectl {

/// Puts the messages of a session together from the pieces in which they come.
class SessionOutput {
 public:
  /// Of one piece what is the command's output.
  struct Piece {
    Channel channel = Channel::kStdout;  ///< or kStderr
    std::string_view data;               ///< of the piece; empty: there is no output in it
  };

  /// kInternal: the agent says more of the command's end than anybody can have to say.
  Result<Piece> Take(std::string_view piece, bool ends_message);

  /// How the command ended, once the connection was closed in order.
  Result<ExecStatus> Status() const { return ParseExecStatus(status_); }

 private:
  bool in_message_ = false;
  uint8_t channel_ = 0;
  std::string status_;
};

}  // namespace nsdebug::kubectl
