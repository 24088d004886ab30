#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/session/session_cgroup.h"

namespace nsdebug {

/// How long a command that was told to end, by a signal or by its deadline, may take.
inline constexpr int kGraceMs = 500;

/// What the guard watches.
struct GuardWatch {
  std::optional<SessionCgroup> cgroup;  ///< paths only
  std::string cgroup_parent;            ///< swept of what killed predecessors left; empty: not
  int starter_fd = -1;                  ///< its other end closes when the starter is gone; -1: none
  std::chrono::milliseconds deadline{0};
  int terminal_fd = -1;  ///< restored to its present settings should ns-enter die; -1: none
};

/// The process that outlives ns-enter: when ns-enter ends, however it ends, when its starter is
/// gone, or when the session's time is over, it kills everything the session runs and removes its
/// cgroups. ns-enter in turn does the same should the guard be killed.
class Guard {
 public:
  /// Forks it. Before anything is entered: the guard stays in the node's namespaces. Signals must
  /// be blocked.
  static Result<Guard> Start(const GuardWatch& watch);

  Guard(Guard&&) noexcept = default;
  Guard& operator=(Guard&&) noexcept = default;

  /// Hands over the session's init, by its pidfd: killed too when it does not end by itself.
  Result<void> WatchInit(int init_pidfd);

  /// Readable when the guard ended the session on its own, or has died.
  int fd() const { return control_.get(); }
  /// Why it did, e.g. kDeadline; empty when it did not.
  std::string TakeCause();

  enum class Outcome {
    kEnded,
    kNotEnded,  ///< killed before it could, or through before it had heard of the init
    kLeftSome,  ///< what EndSession() returns false for
  };

  /// Tells it that the session has been ended, and that there is nothing left for it to do.
  void Dismiss();

  /// Has it end the session, unless it was dismissed, and waits until it has ended itself.
  Outcome Finish();

  static constexpr const char* kDeadline = "deadline";
  static constexpr const char* kStarterGone = "starter gone";

 private:
  Guard(pid_t pid, UniqueFd control) : pid_(pid), control_(std::move(control)) {}

  pid_t pid_;
  UniqueFd control_;
};

/// What the guard does at the end: kills what the session runs, lets its init reap, kills that too
/// if it does not end, removes the cgroups. `init_pidfd` may be -1: there was none yet. False:
/// something may be left.
bool EndSession(const std::optional<SessionCgroup>& cgroup, int init_pidfd);

}  // namespace nsdebug
