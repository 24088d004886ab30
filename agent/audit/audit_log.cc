#include "agent/audit/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>
#include <variant>

namespace nsdebug {

namespace {

constexpr const char* kStandardOutput = "-";

std::string NameOf(const std::string& path) {
  return path == kStandardOutput ? "standard output" : path;
}

/// What to do about an error, for a person at 3 a.m.
std::string_view AdviceFor(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free space on its file system";
    case EPIPE:
      return "its reader is gone: restart what collects the log, then the agent";
    case ETIMEDOUT:
      return "its reader is stuck: see to what collects the log";
    case ENOENT:
    case ENOTDIR:
      return "make its folder";
    case ELOOP:
      return "a symbolic link is not followed: name the file itself in audit.path";
    case EACCES:
    case EPERM:
    case EROFS:
      return "name a file that the agent may write in audit.path";
    default:
      return "see to the file or name another one in audit.path";
  }
}

Failure FailWithAdvice(std::string_view operation, const std::string& path, int error_number) {
  Failure failure =
      FailErrno(fmt::format("{} audit log {}", operation, NameOf(path)), error_number);
  failure.value().message += fmt::format(": {}", AdviceFor(error_number));
  return failure;
}

using Clock = std::chrono::steady_clock;

bool WaitUntilWritable(int fd, Clock::time_point deadline) {
  pollfd waited = {fd, POLLOUT, 0};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    ready = ::poll(&waited, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

/// Whether a write to it may wait for its reader.
bool IsBlocking(int fd, mode_t mode) {
  return !S_ISREG(mode) && !S_ISSOCK(mode) && (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

ssize_t WriteOnce(int fd, mode_t mode, std::string_view text) {
  if (S_ISSOCK(mode)) return ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // A pipe that can be written takes so much at once.
  if (IsBlocking(fd, mode)) text = text.substr(0, PIPE_BUF);
  return ::write(fd, text.data(), text.size());
}

/// Writes what is left of `text` and takes it off; returns the errno of the failure, or 0.
int WriteSome(int fd, mode_t mode, std::string_view& text, Clock::time_point deadline) {
  const bool is_blocking = IsBlocking(fd, mode);
  while (!text.empty()) {
    if (is_blocking && !WaitUntilWritable(fd, deadline)) return ETIMEDOUT;
    const ssize_t count = WriteOnce(fd, mode, text);
    if (count >= 0) {
      text.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      if (!WaitUntilWritable(fd, deadline)) return ETIMEDOUT;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

/// A pipe of our own that never blocks, without the others noticing that write to it. Of a file a
/// new description would start at its beginning, and a socket cannot be opened.
UniqueFd OpenStandardOutput() {
  struct stat status = {};
  if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode)) {
    UniqueFd own(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (own.valid()) return own;
  }
  return UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::Open(Options options) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options)));
  Result<void> opened = log->Decide(log->Reopen());
  if (!opened) return Propagate(opened.error());
  return log;
}

// Making a line may run out of memory, and must not end the agent then.
static Result<std::string> MakeLine(const AuditEvent& event, AuditTime time) {
  try {
    return std::visit([time](const auto& one) { return AuditLine(one, time); }, event);
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, fmt::format("make audit line: {}", e.what()));
  }
}

Result<void> AuditLog::Write(const AuditEvent& event) {
  const Result<std::string> line = MakeLine(event, options_.now());
  return Decide(line ? WriteLine(*line) : Propagate(line.error()));
}

std::optional<Result<void>> AuditLog::WriteHere(const AuditEvent& event) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock || !IsWritablePipeLocked()) return std::nullopt;
  const Result<std::string> line = MakeLine(event, options_.now());
  // Of so much all or nothing is written (pipe(7)).
  if (!line || line->size() > PIPE_BUF) return std::nullopt;
  const ssize_t written = ::write(file_.get(), line->data(), line->size());
  if (written != static_cast<ssize_t>(line->size())) return std::nullopt;
  return Result<void>();
}

Result<void> AuditLog::Reopen() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return OpenLocked();
}

Result<void> AuditLog::Decide(Result<void> written) const {
  if (written) return {};
  if (options_.on_failure) options_.on_failure(written.error());
  if (options_.config.fail_open) return {};
  return written;
}

Result<void> AuditLog::WriteLine(std::string_view line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return WriteLocked(line);
}

Result<void> AuditLog::WriteLocked(std::string_view line) {
  if (!file_.valid() || IsRotatedLocked()) {
    if (Result<void> opened = OpenLocked(); !opened) return opened;
  }
  // Half a line, of a disk that was full, must not spoil the next one.
  const std::string text = (has_torn_line_ ? "\n" : "") + std::string(line);
  std::string_view rest = text;
  const auto patience = is_stuck_ ? std::chrono::milliseconds(0) : options_.write_timeout;
  const int error_number = WriteSome(file_.get(), identity_.st_mode, rest, Clock::now() + patience);
  is_stuck_ = error_number == ETIMEDOUT;
  if (error_number == 0) {
    has_torn_line_ = false;
    return {};
  }
  // Nothing of it got in, or only the newline that ends the torn one: no new torn line.
  if (rest.size() < line.size()) {
    has_torn_line_ = true;
  } else if (rest.size() < text.size()) {
    has_torn_line_ = false;
  }
  return FailWithAdvice("write", options_.config.path, error_number);
}

bool AuditLog::IsWritablePipeLocked() const {
  return file_.valid() && S_ISFIFO(identity_.st_mode) &&
         !IsBlocking(file_.get(), identity_.st_mode) && !has_torn_line_ && !is_stuck_;
}

// logrotate and the like rename the file, or remove it.
bool AuditLog::IsRotatedLocked() const {
  if (options_.config.path == kStandardOutput) return false;
  struct stat current = {};
  return ::lstat(options_.config.path.c_str(), &current) != 0 ||
         current.st_dev != identity_.st_dev || current.st_ino != identity_.st_ino;
}

Result<void> AuditLog::OpenLocked() {
  const std::string& path = options_.config.path;
  UniqueFd opened;
  if (path == kStandardOutput) {
    opened = OpenStandardOutput();
  } else {
    // Not through a link, which another user may have put there. O_NONBLOCK: a pipe without a
    // reader would hold the agent here for ever; of files it changes nothing.
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    opened.Reset(::open(path.c_str(), kFlags, S_IRUSR | S_IWUSR));
  }
  struct stat identity = {};
  if (!opened.valid() || ::fstat(opened.get(), &identity) != 0) {
    return FailWithAdvice("open", path, errno);
  }
  if (path != kStandardOutput && !S_ISREG(identity.st_mode) && !S_ISCHR(identity.st_mode)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("open audit log {}: not a file: name a file in audit.path", path));
  }
  // A torn line is in the old file, if this is another one.
  if (identity.st_dev != identity_.st_dev || identity.st_ino != identity_.st_ino) {
    has_torn_line_ = false;
  }
  file_ = std::move(opened);
  identity_ = identity;
  return {};
}

}  // namespace nsdebug
