#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace nsdebug::cri {

/// The name of the sandboxed runtime, "gVisor" or "Kata Containers", that one of these names
/// (handler, runtime type) stands for, or whose process `pid` is (0: no
/// process to look at); empty when nothing says so.
/// Handler names are free-form, and through a shim of another runtime only the process itself
/// tells.
std::string SandboxedRuntime(const std::vector<std::string_view>& names, pid_t pid);

}  // namespace nsdebug::cri
