#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// What went through, in either direction.
struct CopyReport {
  std::string sha256;    ///< of the whole stream
  uint64_t bytes = 0;    ///< of the stream
  uint64_t entries = 0;  ///< files, folders and links
  /// What could not be copied, each with its reason; at most kMaxCopyFaults of them.
  std::vector<std::string> faults;
};

inline constexpr size_t kMaxCopyFaults = 20;

/// Called with the bytes so far.
using CopyProgress = std::function<void(uint64_t bytes)>;

/// Writes what `fd` is open for, a file or a folder with everything in it, to `out` as a pax
/// archive whose first entry is `name`. Links are written as links, never followed; devices, FIFOs
/// and sockets are faults. A file that cannot be read is one too, and the rest goes on. The error
/// is the stream's: nobody reads it.
Result<CopyReport> Pack(int fd, const std::string& name, int out, const CopyProgress& progress);

}  // namespace nsdebug
