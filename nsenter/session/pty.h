#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

struct Pty {
  UniqueFd master;
  UniqueFd slave;
};

/// Opens a pseudo-terminal through the ptmx at `ptmx`, a path that may be
/// a hostile target's: anything but a real ptmx is refused, and the slave is had from the master,
/// not by a path.
Result<Pty> OpenPty(const std::string& ptmx);

/// Makes the slave the controlling terminal of a new session and its standard streams, and the
/// signals of terminals what they are by default.
Result<void> AttachTerminal(int slave);

/// Tells the terminal its size; 0 leaves it as it is.
void SetTerminalSize(int fd, unsigned short rows, unsigned short columns);

}  // namespace nsdebug
