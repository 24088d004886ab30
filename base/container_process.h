#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// Whether the text of a /proc/PID/cgroup places its process in the container of this id: one path
/// component is the id itself (cgroupfs driver) or the id with a runtime's prefix
/// (cri-containerd-, crio-, docker-, libpod-, libpod-payload-; with or without .scope). Any
/// component, not only the last: workloads and crun make children. crio-conmon-<id> is the monitor,
/// not the container.
/// Works for v1, v2 and hybrid hosts and across cgroup namespaces ("/../../crio-<id>.scope").
bool CgroupNamesContainer(std::string_view cgroup_text, std::string_view container_id);

/// Opens a pidfd for `pid` and only then proves that it is a live process of the container: a pid
/// that was reused since the runtime told it is refused (kAborted), as is one that has exited.
Result<UniqueFd> OpenContainerProcess(pid_t pid, std::string_view container_id);

}  // namespace nsdebug
