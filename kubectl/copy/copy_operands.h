#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug::kubectl {

/// What `cp SOURCE DESTINATION` is to copy, and which way.
struct CopyOperands {
  bool is_download = false;
  std::string target;       ///< POD, TYPE/NAME or node/NAME
  std::string remote_path;  ///< absolute
  std::string local_path;
};

/// One of them is TARGET:PATH. What begins with "/" or "." is local, whatever is in it.
/// kInvalidArgument: neither or both are, or the path is not absolute.
Result<CopyOperands> ParseCopyOperands(const std::string& source, const std::string& destination);

/// A path's last part, and the folder that it is in. "/" and "." are in themselves: the last part
/// is ".".
std::string LastPart(std::string_view path);
std::string FolderOf(std::string_view path);

}  // namespace nsdebug::kubectl
