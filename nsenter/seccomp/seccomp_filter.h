#pragma once

#include "base/error.h"

namespace nsdebug {

/// Turns no_new_privs on and installs the filter of every profile but sysadmin, in the spirit of
/// the runtimes' default one: what a tool in a container has no business with (mounts, namespaces,
/// modules, bpf, keyrings, handles, clocks, device nodes, terminal injection) is EPERM, also where
/// a capability would allow it. System calls newer than this build are ENOSYS, as on an older
/// kernel; so are those of another architecture's ABI.
Result<void> ApplySeccompFilter();

/// Without no_new_privs. Needs CAP_SYS_ADMIN in our user namespace.
Result<void> ApplySeccompFilterAlone();

}  // namespace nsdebug
