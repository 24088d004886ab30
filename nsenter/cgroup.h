#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

/// One hierarchy's cgroup.procs, opened while its path can still be found.
struct CgroupMembership {
  std::string path;  ///< of the cgroup's directory
  UniqueFd procs;
};

/// A cgroup hierarchy as /proc/self/mountinfo shows it.
struct CgroupMount {
  std::string controllers;  ///< v1: as in /proc/PID/cgroup, e.g. "cpu,cpuacct"; v2: empty
  std::string root;         ///< which cgroup of the hierarchy is mounted
  std::string mount_point;
};

/// The cgroup mounts of a mountinfo text (proc(5)), the first of each hierarchy.
std::vector<CgroupMount> ParseCgroupMounts(std::string_view mountinfo);

/// Where the cgroup `path` of a line "N:controllers:path" of /proc/PID/cgroup is mounted; kNotFound
/// when its hierarchy is not mounted or the path lies outside what is.
Result<std::string> FindCgroupDirectory(const std::vector<CgroupMount>& mounts,
                                        std::string_view controllers, std::string_view path);

/// Opens the cgroups of the process: its v2 cgroup on a v2 host, one per v1 hierarchy on v1, both
/// on hybrid hosts. A hierarchy that is not mounted here is left out, but not all of them.
Result<std::vector<CgroupMembership>> OpenCgroups(const ProcessHandle& process);

/// Joins the cgroup namespace of process 1 when ours is another one, as an agent's pod has it on a
/// node with cgroup v2: there the paths of other cgroups lead out of what we see, and with the
/// mount option nsdelegate the kernel refuses to move processes there (cgroups(7)). Where that
/// namespace cannot be joined nothing changes.
void JoinNodeCgroupNamespace();

/// Moves the calling process into them; children start there.
Result<void> JoinCgroups(const std::vector<CgroupMembership>& cgroups);

}  // namespace nsdebug
