#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// unshare(2) into new namespaces (CLONE_NEW* flags). In a new user namespace we become its root,
/// mapped to the user we were; a new mount namespace is private, so that nothing mounted in it
/// shows outside. `own_proc` is our own /proc/PID, opened while /proc was still ours.
Result<void> CreateNamespaces(int flags, int own_proc);

/// Mounts a proc file system of our PID namespace over /proc. Only for a private mount namespace,
/// and only after the fork: a mount of proc shows the mounter's own PID namespace.
Result<void> MountProc();

}  // namespace nsdebug
