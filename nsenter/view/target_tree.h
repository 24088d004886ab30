#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

/// A detached copy of the target's mounts as they are now, from its root down, without device nodes
/// and set-user-ID files, to be attached elsewhere with move_mount(2). A mount namespace only lets
/// its members copy its mounts, so the calling process, which must have one thread, goes in and
/// comes back; its root and working directory are then those of its mount namespace.
Result<UniqueFd> CloneTargetTree(const ProcessHandle& process);

/// What the runtime or the kubelet wrote for the pod, as far as there is such a file; contents are
/// the target's, bounded.
struct PodFiles {
  std::optional<std::string> resolv_conf;
  std::optional<std::string> hosts;
  std::optional<std::string> hostname;
};

/// Reads them through the target's root. Symbolic links are followed inside that root only; what is
/// no regular file, or too large, counts as missing.
PodFiles ReadPodFiles(const ProcessHandle& process);

}  // namespace nsdebug
