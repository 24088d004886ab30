#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// Large enough for any file of /proc that we read whole, small enough that a hostile target cannot
/// make us grow.
inline constexpr size_t kMaxProcFileBytes = size_t{4} << 20;

/// Opens with O_CLOEXEC added. `directory` is the descriptor that a relative path starts at.
Result<UniqueFd> Open(const std::string& path, int flags = O_RDONLY, int directory = AT_FDCWD);

/// Reads to the end. More than `limit` bytes is kResourceExhausted, never a cut text. `name` is
/// what errors call the file.
Result<std::string> ReadAll(int fd, std::string_view name, size_t limit = kMaxProcFileBytes);

Result<std::string> ReadFile(const std::string& path, size_t limit = kMaxProcFileBytes);

/// Writes everything, over short writes and EINTR. It waits also where the descriptor would not:
/// standard output may be shared with somebody who has made it non-blocking.
Result<void> WriteAll(int fd, std::string_view data, std::string_view name);

/// Closes every descriptor of the process but these; negative ones count as none.
void CloseAllBut(std::vector<int> kept);

}  // namespace nsdebug
