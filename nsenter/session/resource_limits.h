#pragma once

#include <sys/resource.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

/// One resource limit of a process: see setrlimit(2).
struct ResourceLimit {
  int resource;  ///< RLIMIT_*
  rlimit value;
};

/// "RLIMIT_NOFILE", as the OCI runtime specification has it, to its number; -1 for one that this
/// kernel does not know.
int ParseResource(std::string_view name);

/// All limits of a process as they are now; none when we may not read them.
Result<std::vector<ResourceLimit>> LimitsOf(const ProcessHandle& process);

/// Takes them on. Before the user namespace is joined: behind that nobody may raise a hard limit.
/// One that we may not raise, because whoever started ns-enter has no SYS_RESOURCE, stays as high
/// as ours is: the runtime, which has it, would not have failed.
Result<void> ApplyLimits(const std::vector<ResourceLimit>& limits);

}  // namespace nsdebug
