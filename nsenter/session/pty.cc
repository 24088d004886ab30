#include "nsenter/session/pty.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"

namespace nsdebug {

Result<Pty> OpenPty(const std::string& ptmx) {
  Result<UniqueFd> master = Open(ptmx, O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (!master) return Propagate(master.error(), "open a terminal");
  struct stat info {};
  // Character device 5:2 is the kernel's ptmx, wherever its node lies.
  if (::fstat(master->get(), &info) != 0 || !S_ISCHR(info.st_mode) ||
      info.st_rdev != makedev(5, 2)) {
    return Fail(Code::kFailedPrecondition, "open a terminal: " + ptmx + " is not a ptmx");
  }
  int unlock = 0;
  if (::ioctl(master->get(), TIOCSPTLCK, &unlock) != 0) return FailErrno("unlock the terminal");
  // Linux 4.13: the peer of this very master, whatever lies at /dev/pts/N.
  UniqueFd slave(::ioctl(master->get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave.valid()) return FailErrno("open the terminal's other end");
  return Pty{std::move(*master), std::move(slave)};
}

Result<void> AttachTerminal(int slave) {
  // Started in the background, we may have been told to ignore SIGINT: at its own terminal the
  // command is in the foreground, and Ctrl-C is to reach it.
  for (int signal_number : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGPIPE}) {
    ::signal(signal_number, SIG_DFL);
  }
  if (::setsid() < 0) return FailErrno("start a terminal session");
  if (::ioctl(slave, TIOCSCTTY, 0) != 0) return FailErrno("take the controlling terminal");
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::dup2(slave, fd) < 0) return FailErrno("attach the terminal");
  }
  return {};
}

void SetTerminalSize(int fd, unsigned short rows, unsigned short columns) {
  if (rows == 0 || columns == 0) return;
  const winsize size{rows, columns, 0, 0};
  ::ioctl(fd, TIOCSWINSZ, &size);
}

}  // namespace nsdebug
