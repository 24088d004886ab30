#include "nsenter/session/pty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"

namespace nsdebug {

Result<Pty> OpenPty(const std::string& ptmx) {
  Result<UniqueFd> master = Open(ptmx, O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (!master) return Propagate(master.error(), "open a terminal");
  struct stat info {};
  struct statfs file_system {};
  // Major 5, minor 2 is ptmx; on devpts, so that it belongs to the instance we opened it from.
  if (::fstat(master->get(), &info) != 0 || !S_ISCHR(info.st_mode) ||
      info.st_rdev != makedev(5, 2) || ::fstatfs(master->get(), &file_system) != 0 ||
      file_system.f_type != DEVPTS_SUPER_MAGIC) {
    return Fail(Code::kFailedPrecondition, "open a terminal: " + ptmx + " is not a ptmx of devpts");
  }
  int unlock = 0;
  if (::ioctl(master->get(), TIOCSPTLCK, &unlock) != 0) return FailErrno("unlock the terminal");
  // Linux 4.13: the peer of this very master, whatever lies at /dev/pts/N.
  UniqueFd slave(::ioctl(master->get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave.valid()) return FailErrno("open the terminal's other end");
  return Pty{std::move(*master), std::move(slave)};
}

Result<void> AttachTerminal(int slave) {
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
