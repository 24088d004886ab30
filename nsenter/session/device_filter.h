#pragma once

#include "base/error.h"

namespace nsdebug {

/// Attaches to the cgroup of `cgroup_fd` (cgroup v2) a program that lets its processes open only
/// null, zero, full, random, urandom, tty, ptmx and pseudo-terminals. Without it a target could
/// offer the session a node of the node's disk, which the target itself may not open. Needs CAP_BPF
/// and CAP_NET_ADMIN, or CAP_SYS_ADMIN.
Result<void> AttachDeviceFilter(int cgroup_fd);

}  // namespace nsdebug
