#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// Deeper than any path that a program has a use for.
inline constexpr size_t kMaxPathBytes = 4096;

/// Opens what `path` names for processes whose root is `root`: links in it are followed, and none
/// leads out, whoever changes them meanwhile. Not /proc's own links, which lead anywhere.
Result<UniqueFd> OpenInRoot(int root, const std::string& path, int flags);

/// Opens below a directory, without following any link on the way.
Result<UniqueFd> OpenBeneath(int directory, const std::string& path, int flags, unsigned mode = 0);

/// The parts of a relative path. kInvalidArgument: it is empty or absolute, or has "..", ".", empty
/// parts or a NUL: archives come from elsewhere.
Result<std::string> CheckedRelativePath(std::string_view path);

}  // namespace nsdebug
