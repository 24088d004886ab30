#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/cgroup.h"

namespace nsdebug {

struct CgroupLimits {
  uint64_t memory_bytes = uint64_t{512} << 20;
  uint64_t pids = 256;
  uint64_t cpu_millis = 1000;  ///< thousandths of one CPU
};

/// The cgroups of one session: PARENT/NAME in every hierarchy that is needed.
///
/// On a v2 host one hierarchy holds it all. On v1 and hybrid hosts the limits live in the
/// controllers' own hierarchies, and the kill guarantee in the unified one, or without that in the
/// freezer's. Below NAME there are two cgroups in the hierarchy that kills: "command" for
/// everything the session runs, "init" for the process that reaps it; killing the first leaves the
/// reaper to do its work.
///
/// An object only knows the paths until Create(): the session's guard has a copy of it and can kill
/// and remove what exists, whoever made it.
class SessionCgroup {
 public:
  /// Where the cgroups will be. `parent` is a path in every hierarchy, e.g. "/ns-debug"; `name`
  /// must be new.
  static Result<SessionCgroup> Plan(const std::vector<CgroupMount>& mounts,
                                    const std::string& parent, const std::string& name);

  /// Makes the ones that kill, "init" and "command". After an error Remove() is still needed.
  Result<void> Create();

  /// Makes the others, with the limits and, unless `all_devices`, without access to any device but
  /// the harmless ones; after Create(). Likewise.
  Result<void> Limit(const CgroupLimits& limits, bool all_devices);

  /// After Create().
  const CgroupMembership& init() const { return init_; }
  const CgroupMembership& command() const { return command_; }
  /// After Limit(): what the reaper has to join besides. Its children inherit it.
  const std::vector<CgroupMembership>& limiting() const { return limiting_; }

  /// SIGKILL to everything in "command", or in all of the session. Returns when no process is left
  /// alive, or after kKillTimeout with an error.
  Result<void> KillCommand() const;
  Result<void> KillAll() const;

  /// Removes the cgroups. Everything must have been killed, and reaped or left to be.
  Result<void> Remove() const;

  const std::vector<std::string>& directories() const { return directories_; }

 private:
  Result<void> WriteLimits(const CgroupLimits& limits) const;
  Result<void> RestrictDevices() const;
  std::string DirectoryOf(const std::string& controller) const;

  bool unified_only_ = false;
  bool freezer_ = false;  ///< no unified hierarchy: the freezer's is the one that kills
  std::string parent_;
  std::string kill_directory_;
  std::vector<CgroupMount> controllers_;  ///< v1 hierarchies in use
  std::vector<std::string> directories_;  ///< NAME in each hierarchy, the killing one first
  std::string name_;
  CgroupMembership init_;
  CgroupMembership command_;
  std::vector<CgroupMembership> limiting_;
};

/// Kills and removes sessions below `parent` that a killed predecessor left: those whose name, made
/// by SessionName(), tells a process of our PID namespace that no longer lives.
void SweepSessions(const std::vector<CgroupMount>& mounts, const std::string& parent);

/// "PIDNAMESPACE-PID-STARTTIME-RANDOM" of the calling process: unique, and it tells whether its
/// maker lives.
Result<std::string> SessionName();

}  // namespace nsdebug
