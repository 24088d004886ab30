#pragma once

#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "agent/audit/audit_line.h"
#include "agent/audit/event.h"
#include "agent/config/config.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// How long a line may wait for a reader of standard output that has fallen behind. The lines
/// behind one that has waited in vain do not wait, until one gets through.
inline constexpr std::chrono::milliseconds kAuditWriteTimeout{5'000};

/// The record of who was in what: one JSON line for each event, in one write(2) each.
///
/// Here, and nowhere else, AuditConfig::fail_open is obeyed: a caller refuses its session when
/// Write() fails and need not know why it may not. Any thread may call. The process must ignore
/// SIGPIPE, or a reader that went away ends it.
class AuditLog {
 public:
  struct Options {
    AuditConfig config;
    /// Told of every line that could not be written and of nothing else; any thread, never under
    /// a lock. May be empty.
    std::function<void(const Error&)> on_failure;
    std::function<AuditTime()> now = [] { return std::chrono::system_clock::now(); };
    std::chrono::milliseconds write_timeout = kAuditWriteTimeout;
  };

  /// Opens the file, or "-", so that a mistake shows when the agent starts. With fail_open, a file
  /// that cannot be opened now is tried again with each line.
  static Result<std::unique_ptr<AuditLog>> Open(Options options);

  /// Success: the line is with the kernel, or fail_open is set. Each error says what to do.
  /// Waits for the file or its reader.
  Result<void> Write(const AuditEvent& event);

  /// What Write() says when it does not wait: the log is a pipe, as a pod's standard output is, and
  /// has room. nullopt: nothing was written.
  std::optional<Result<void>> WriteHere(const AuditEvent& event);

  /// After SIGHUP: lines go to what the path names now. A file that was renamed or removed is
  /// noticed without it. Keeps the old one when that fails.
  Result<void> Reopen();

 private:
  explicit AuditLog(Options options) : options_(std::move(options)) {}

  Result<void> WriteLine(std::string_view line);
  Result<void> WriteLocked(std::string_view line);
  Result<void> OpenLocked();
  bool IsWritablePipeLocked() const;
  bool IsRotatedLocked() const;
  Result<void> Decide(Result<void> written) const;

  const Options options_;
  std::mutex mutex_;
  UniqueFd file_;               ///< under mutex_
  struct stat identity_ = {};   ///< of file_, under mutex_
  bool has_torn_line_ = false;  ///< the last line got in only in part; under mutex_
  bool is_stuck_ = false;       ///< the last line waited in vain; under mutex_
};

}  // namespace nsdebug
