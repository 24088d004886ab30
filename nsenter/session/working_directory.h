#pragma once

#include <string>

#include "base/error.h"

namespace nsdebug {

/// chdir(2), for a path that is the caller's or the target's: one that leads out of our root, into
/// another mount namespace or into a directory that has been removed is refused.
Result<void> EnterWorkingDirectory(const std::string& path);

}  // namespace nsdebug
