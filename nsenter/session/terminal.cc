#include "nsenter/session/terminal.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/io.h"
#include "nsenter/session/pty.h"

namespace nsdebug {

namespace {

constexpr size_t kBufferBytes = 65536;
// What a pipe that is writable takes without blocking: pipe(7). The descriptor is the caller's, so
// it stays a blocking one.
constexpr size_t kWritableBytes = PIPE_BUF;
// What a reader of our output may take to make room for the last of it.
constexpr int kDrainTimeoutMs = 10'000;

/// Events of `fd` among those polled.
short EventsOf(const std::vector<pollfd>& watched, int fd) {
  short events = 0;
  for (const pollfd& entry : watched) {
    if (entry.fd == fd) events = static_cast<short>(events | entry.revents);
  }
  return events;
}

}  // namespace

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  if (::tcgetattr(fd_, &saved_) != 0) return;
  termios raw = saved_;
  ::cfmakeraw(&raw);
  raw_ = ::tcsetattr(fd_, TCSADRAIN, &raw) == 0;
}

void RawTerminal::Restore() {
  if (raw_) ::tcsetattr(fd_, TCSADRAIN, &saved_);
  raw_ = false;
}

TerminalRelay::TerminalRelay(UniqueFd master) : master_(std::move(master)) { UpdateSize(); }

TerminalSize OwnTerminalSize() {
  winsize size{};
  for (int fd : {STDOUT_FILENO, STDIN_FILENO}) {
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0) return {size.ws_row, size.ws_col};
  }
  return {};
}

void TerminalRelay::UpdateSize() {
  const TerminalSize size = OwnTerminalSize();
  SetTerminalSize(master_.get(), size.rows, size.columns);
}

void TerminalRelay::AddTo(std::vector<pollfd>* watched) const {
  short master_events = 0;
  if (output_open_ && to_user_.size() < kBufferBytes) master_events |= POLLIN;
  if (!to_command_.empty()) master_events |= POLLOUT;
  if (master_events != 0) watched->push_back({master_.get(), master_events, 0});
  if (input_open_ && to_command_.size() < kBufferBytes)
    watched->push_back({STDIN_FILENO, POLLIN, 0});
  if (!to_user_.empty()) watched->push_back({STDOUT_FILENO, POLLOUT, 0});
}

void TerminalRelay::Handle(const std::vector<pollfd>& watched) {
  const short master = EventsOf(watched, master_.get());
  if ((master & (POLLIN | POLLHUP | POLLERR)) != 0) ReadOutput();
  if ((master & POLLOUT) != 0) WriteInput();
  if (EventsOf(watched, STDIN_FILENO) != 0) ReadInput();
  if (EventsOf(watched, STDOUT_FILENO) != 0) WriteOutput();
}

void TerminalRelay::ReadInput() {
  std::array<char, 4096> chunk;
  const ssize_t count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
  if (count > 0) {
    to_command_.append(chunk.data(), static_cast<size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    // A terminal has no end of input but the character for it.
    if (input_open_) to_command_.push_back('\x04');
    input_open_ = false;
  }
}

void TerminalRelay::ReadOutput() {
  std::array<char, 16384> chunk;
  const ssize_t count = ::read(master_.get(), chunk.data(), chunk.size());
  if (count > 0) {
    to_user_.append(chunk.data(), static_cast<size_t>(count));
  } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
    output_open_ = false;  // EIO: nobody has the other end open any more
  }
}

void TerminalRelay::WriteInput() {
  const ssize_t count = ::write(master_.get(), to_command_.data(), to_command_.size());
  if (count > 0) to_command_.erase(0, static_cast<size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) to_command_.clear();
}

void TerminalRelay::WriteOutput() {
  const ssize_t count =
      ::write(STDOUT_FILENO, to_user_.data(), std::min(to_user_.size(), kWritableBytes));
  if (count > 0) to_user_.erase(0, static_cast<size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    to_user_.clear();
    output_open_ = false;
  }
}

void TerminalRelay::Drain() {
  input_open_ = false;
  to_command_.clear();
  while (output_open_ || !to_user_.empty()) {
    if (output_open_) {
      // Not waiting for more: a daemon may hold the terminal open, and is about to be killed.
      pollfd more{master_.get(), POLLIN, 0};
      if (::poll(&more, 1, 0) <= 0) {
        output_open_ = false;
      } else {
        ReadOutput();
      }
    }
    pollfd writable{STDOUT_FILENO, POLLOUT, 0};
    if (!to_user_.empty()) {
      if (::poll(&writable, 1, kDrainTimeoutMs) <= 0) return;
      WriteOutput();
    }
  }
}

}  // namespace nsdebug
