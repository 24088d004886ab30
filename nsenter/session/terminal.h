#pragma once

#include <poll.h>
#include <termios.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace nsdebug {

/// The size of our own terminal, for the command's to have from the start; zeros without one.
struct TerminalSize {
  unsigned short rows = 0;
  unsigned short columns = 0;
};
TerminalSize OwnTerminalSize();

/// Puts a terminal into raw mode and restores it at the end. Should we be killed, the session's
/// guard restores it.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal() { Restore(); }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  void Restore();

 private:
  int fd_;
  bool raw_ = false;
  termios saved_{};
};

/// Carries bytes between our standard streams and the master of the command's terminal, with
/// bounded buffers: who does not read holds up who writes, nobody else.
class TerminalRelay {
 public:
  explicit TerminalRelay(UniqueFd master);

  /// Copies our terminal's size to the command's.
  void UpdateSize();

  /// Appends what is to be polled; Handle() gets the same entries back with their events.
  void AddTo(std::vector<pollfd>* watched) const;
  void Handle(const std::vector<pollfd>& watched);

  /// Passes on what the terminal still holds after its last user has gone.
  void Drain();

 private:
  void ReadInput();
  void ReadOutput();
  void WriteInput();
  void WriteOutput();

  UniqueFd master_;
  bool input_open_ = true;
  bool output_open_ = true;
  std::string to_command_;
  std::string to_user_;
};

}  // namespace nsdebug
