#pragma once

#include <string>

#include "base/error.h"

namespace nsdebug {

/// Makes the mount point `path` the root of our private mount namespace and lets go of the old one.
/// Where pivot_root(2) is refused (the runtimes' default seccomp profile does), every mount of the
/// old root is detached, the new root is moved over it, and chroot(2) completes the change: a
/// process that breaks out of the chroot comes out on the new root again, and what lies beneath it
/// is the bare old root without anything mounted in it.
Result<void> EnterNewRoot(const std::string& path);

}  // namespace nsdebug
