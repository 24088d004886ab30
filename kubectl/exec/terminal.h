#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "remotecommand/resize.h"

namespace nsdebug::kubectl {

/// The local terminal in raw mode: every key goes to the remote command. It is given back by the
/// destructor, and by whatever signal ends the process meanwhile. At most one at a time.
class RawMode {
 public:
  /// `fd` is a terminal.
  static Result<RawMode> Enter(int fd);

  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

 private:
  explicit RawMode(int fd) : fd_(fd) {}
  int fd_;
};

/// nullopt when `fd` is no terminal, or one that does not know its size.
std::optional<TerminalSize> SizeOf(int fd);

/// Looks for "~." at the start of a line among what is typed: the way out of a session that hangs,
/// as of ssh. "~~" is one "~".
class EscapeFilter {
 public:
  struct Filtered {
    std::string bytes;  ///< what is for the command
    bool leave = false;
  };
  Filtered Take(std::string_view typed);

 private:
  enum class State { kLineStart, kTilde, kInLine };
  State state_ = State::kLineStart;
};

}  // namespace nsdebug::kubectl
