#include "kubectl/exec/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace nsdebug::kubectl {

namespace {

// What a signal handler needs to give the terminal back: it can be told nothing else.
std::atomic<int> raw_fd = -1;
termios saved_settings{};

// The ends that a process does not survive and can still act on.
constexpr std::array kFatalSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGQUIT};

/// `when` as tcsetattr(3) has it.
void Restore(int when) {
  const int fd = raw_fd.exchange(-1);
  if (fd >= 0) ::tcsetattr(fd, when, &saved_settings);
}

/// tcsetattr(3) may be called here (signal-safety(7)). SA_RESETHAND: the signal then does what it
/// does by default.
void RestoreAndDie(int signal_number) {
  // At once: a terminal that takes no output would keep us from dying.
  Restore(TCSANOW);
  ::raise(signal_number);
}

}  // namespace

Result<RawMode> RawMode::Enter(int fd) {
  if (::tcgetattr(fd, &saved_settings) != 0) return FailErrno("read the terminal's settings");
  struct sigaction action {};
  action.sa_handler = &RestoreAndDie;
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  for (int signal_number : kFatalSignals) ::sigaction(signal_number, &action, nullptr);
  termios raw = saved_settings;
  ::cfmakeraw(&raw);
  raw_fd = fd;
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) {
    Failure failure = FailErrno("put the terminal into raw mode");
    raw_fd = -1;
    return failure;
  }
  return RawMode(fd);
}

RawMode::RawMode(RawMode&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }

RawMode::~RawMode() {
  if (fd_ >= 0) Restore(TCSADRAIN);
}

std::optional<TerminalSize> SizeOf(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    return std::nullopt;
  }
  return TerminalSize{size.ws_col, size.ws_row};
}

EscapeFilter::Filtered EscapeFilter::Take(std::string_view typed) {
  Filtered filtered;
  for (const char byte : typed) {
    if (state_ == State::kTilde) {
      if (byte == '.') {
        filtered.leave = true;
        return filtered;
      }
      // It was no escape: the first tilde is the command's after all.
      if (byte != '~') filtered.bytes += '~';
      state_ = State::kInLine;
    } else if (state_ == State::kLineStart && byte == '~') {
      state_ = State::kTilde;
      continue;
    }
    state_ = byte == '\r' || byte == '\n' ? State::kLineStart : State::kInLine;
    filtered.bytes += byte;
  }
  return filtered;
}

}  // namespace nsdebug::kubectl
