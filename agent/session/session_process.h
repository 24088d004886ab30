#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/target.h"
#include "base/unique_fd.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// Which of the command's streams somebody is at the other end of; the others are /dev/null. With a
/// terminal none of them counts: its master arrives with the event kTerminal.
struct SessionStreams {
  bool stdin_wanted = false;
  bool stdout_wanted = true;
  bool stderr_wanted = true;
};

/// One ns-enter for one session, with our ends of its streams. It waits for its plan, and the
/// session starts with that.
///
/// The session dies with the plan's socket: whatever becomes of this object or of the whole agent,
/// nothing of the session stays.
class SessionProcess {
 public:
  /// Starts `program`. Blocks for about a millisecond. kUnavailable names the program when it is
  /// not there; kResourceExhausted when a limit of the system is reached.
  static Result<SessionProcess> Spawn(const std::string& program);

  /// Hands it the plan, once. Does not block. Fails when the process has gone (nothing of the
  /// session was started then), or a limit of the system is reached.
  Result<void> Start(const SessionSpec& spec, const Target& target, const SessionStreams& streams);

  SessionProcess() = default;
  SessionProcess(SessionProcess&& other) noexcept { *this = std::move(other); }
  SessionProcess& operator=(SessionProcess&& other) noexcept;
  /// Kills what still runs and reaps it; `events` must not be elsewhere.
  ~SessionProcess();

  /// Readable when ns-enter has ended, and the destructor will not have to wait.
  int pidfd() const { return pidfd_.get(); }

  /// When it got its plan.
  std::chrono::steady_clock::time_point started() const { return started_; }

  /// Asks the session to end: SIGTERM to the command, SIGKILL to all of it a moment later.
  void Terminate() const;

  /// Where events of nsenter/session/report.h arrive. Closing it ends the session at once.
  UniqueFd events;
  /// Ours are non-blocking.
  UniqueFd stdin_fd;
  UniqueFd stdout_fd;
  UniqueFd stderr_fd;

 private:
  void Reap();

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace nsdebug
