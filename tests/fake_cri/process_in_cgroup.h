#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"

namespace nsdebug::cri {

/// A real process that stands for a container's or a sandbox's: in network, IPC and UTS namespaces
/// of its own and in a cgroup of the form that a runtime makes. The destructor ends and reaps it
/// and removes the cgroups; should the test program die first, the process ends with it.
class ProcessInCgroup {
 public:
  /// `path` is that of the cgroup below a directory that only this object has, e.g.
  /// "kubepods/besteffort/pod1/crio-0123".
  explicit ProcessInCgroup(const std::string& path);
  ProcessInCgroup(const ProcessInCgroup&) = delete;
  ProcessInCgroup& operator=(const ProcessInCgroup&) = delete;
  ~ProcessInCgroup();

  /// Why there is none; empty when it runs.
  const std::string& problem() const { return problem_; }
  pid_t pid() const { return pid_; }

  /// Where its namespace of this kind is, as readlink(2) names it: "net:[4026531840]".
  std::string Namespace(const std::string& kind) const;

  /// Ends it and reaps it: from now on nobody has its pid.
  void End();

 private:
  bool MakeCgroup(const std::string& path);
  bool Spawn();
  bool MoveToCgroup();

  std::string problem_;
  std::string top_;     // the directory of ours, in the root of the hierarchy
  std::string cgroup_;  // the process's own, below
  pid_t pid_ = 0;
  UniqueFd input_;  // the process ends when this closes
};

}  // namespace nsdebug::cri
