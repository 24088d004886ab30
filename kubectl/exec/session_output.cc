#include "kubectl/exec/session_output.h"

namespace nsdebug::kubectl {

Result<SessionOutput::Piece> SessionOutput::Take(std::string_view piece, bool ends_message) {
  if (!in_message_ && !piece.empty()) {
    channel_ = static_cast<uint8_t>(piece.front());
    piece.remove_prefix(1);
  }
  in_message_ = !ends_message;
  const auto channel = static_cast<Channel>(channel_);
  if (channel == Channel::kStdout || channel == Channel::kStderr) return Piece{channel, piece};
  if (channel != Channel::kStatus) return Piece{};
  if (status_.size() + piece.size() > kMaxStatusBytes) {
    return Fail(Code::kInternal, "the agent's status is too long");
  }
  status_ += piece;
  return Piece{};
}

}  // namespace nsdebug::kubectl
