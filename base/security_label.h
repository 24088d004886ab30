#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace nsdebug {

/// What the node's security modules call the rights of a process.
struct SecurityLabel {
  std::string selinux;   ///< its context; empty on a node without SELinux
  std::string apparmor;  ///< its profile without the mode, "unconfined" for none; likewise
};

/// Reads a file of a process's folder in /proc by its name there.
using ReadProcFile = std::function<Result<std::string>(const std::string& name)>;

/// Of a process; what cannot be read is left out.
SecurityLabel ReadSecurityLabel(const ReadProcFile& read);

/// Of the two the one that decides: a node has one of them. Empty: it has neither.
std::string NameOf(const SecurityLabel& label);

}  // namespace nsdebug
