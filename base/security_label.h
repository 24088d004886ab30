#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace nsdebug {

/// What the node's security modules call the rights of a process.
struct SecurityLabel {
  std::string selinux;   ///< its context; empty on a node without SELinux, or without a policy
  std::string apparmor;  ///< its profile without the mode, "unconfined" for none; likewise
};

/// The modules that the kernel runs with.
struct SecurityModules {
  bool selinux = false;
  bool apparmor = false;
};

/// Told by files that are the same in every container: of SELinux's own file system and of
/// securityfs a pod sees nothing. `proc` and `sys` are where those two are mounted.
SecurityModules FindSecurityModules(const std::string& proc = "/proc",
                                    const std::string& sys = "/sys");

/// Reads a file of a process's folder in /proc by its name there.
using ReadProcFile = std::function<Result<std::string>(const std::string& name)>;

/// Of a process. An error when there is a module whose label of it cannot be read: a process
/// started in its place without one would have more rights.
Result<SecurityLabel> ReadSecurityLabel(const ReadProcFile& read, const SecurityModules& modules);

/// Of the two the one that decides: a node has one of them. Empty: it has neither.
std::string NameOf(const SecurityLabel& label);

}  // namespace nsdebug
