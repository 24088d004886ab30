#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

/// A cgroup that a process of one thread is to be in, opened while its path can still be found.
struct CgroupMembership {
  std::string path;    ///< of the cgroup's directory
  UniqueFd tasks;      ///< for JoinCgroup()
  UniqueFd directory;  ///< v2: for ForkIntoCgroup(); v1: invalid
};

/// Opens the cgroup of a directory in a v1 or a v2 hierarchy.
Result<CgroupMembership> OpenCgroup(const std::string& directory, bool is_v2);

/// A cgroup hierarchy as /proc/self/mountinfo shows it.
struct CgroupMount {
  std::string controllers;  ///< v1: as in /proc/PID/cgroup, e.g. "cpu,cpuacct"; v2: empty
  std::string root;         ///< which cgroup of the hierarchy is mounted
  std::string mount_point;
};

/// The cgroup mounts of a mountinfo text (proc(5)), the first of each hierarchy.
std::vector<CgroupMount> ParseCgroupMounts(std::string_view mountinfo);

/// Those of this process.
Result<std::vector<CgroupMount>> ReadCgroupMounts();

/// Where the cgroup `path` of a line "N:controllers:path" of /proc/PID/cgroup is mounted; kNotFound
/// when its hierarchy is not mounted or the path lies outside what is.
Result<std::string> FindCgroupDirectory(const std::vector<CgroupMount>& mounts,
                                        std::string_view controllers, std::string_view path);

/// Opens the cgroups of the process: its v2 cgroup on a v2 host, one per v1 hierarchy on v1, both
/// on hybrid hosts. A hierarchy that is not mounted here is left out, but not all of them.
Result<std::vector<CgroupMembership>> OpenCgroups(const ProcessHandle& process,
                                                  const std::vector<CgroupMount>& mounts);

/// The same from the cgroup namespace of process 1, which the process joins when its own is another
/// one, as an agent's pod has it on a node with cgroup v2: there the paths of other cgroups lead
/// out of what we see, and with the mount option nsdelegate the kernel refuses to move processes
/// there (cgroups(7)). Where that namespace cannot be joined the mounts are as we see them.
Result<std::vector<CgroupMount>> FindNodeCgroupMounts();

/// Moves the calling process, which must have one thread, into the cgroup of these tasks; children
/// start there. `name` is what errors call it.
Result<void> JoinCgroup(int tasks, std::string_view name);
Result<void> JoinCgroups(const std::vector<CgroupMembership>& cgroups);

/// fork(2), with the child in the v2 cgroup of this directory from its birth (Linux 5.7); -1 where
/// the kernel cannot. To move a process there costs milliseconds: see OpenCgroup().
pid_t ForkIntoCgroup(int directory);

}  // namespace nsdebug
