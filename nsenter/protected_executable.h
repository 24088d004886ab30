#pragma once

#include "base/error.h"

namespace nsdebug {

/// Makes sure that our own program cannot be written through /proc/PID/exe of a process of ours
/// that a target sees: whoever may trace that process could keep the file open and overwrite it
/// when it runs no more, for root to run it next (CVE-2019-5736). Where the program lies on a
/// read-only mount, as in a pod with readOnlyRootFilesystem, there is nothing to do; else it is
/// executed again, with `argv`, from a read-only bind of itself in a mount namespace of our own.
/// Before anything is opened.
Result<void> ProtectExecutable(char* argv[]);

}  // namespace nsdebug
