#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <string>

namespace nsdebug {

/// One entry of a pax archive (POSIX.1-2001, pax(1)).
///
/// Written here and not by libarchive, which reads it: in its static library the writer of any
/// format takes in those of all formats, with the libraries of each, ten of them, for these lines.
struct PaxEntry {
  enum class Type : char { kFile = '0', kLink = '2', kFolder = '5' };

  std::string path;  ///< bytes; in whatever encoding
  Type type = Type::kFile;
  mode_t mode = 0;
  uint64_t size = 0;  ///< of the data that follows; of files only
  timespec mtime{};
  std::string link;  ///< where a link leads
};

inline constexpr size_t kPaxBlockBytes = 512;

/// What comes before the data. Path, link, size and time are in its extended header, which has no
/// bounds.
std::string EncodePaxHeader(const PaxEntry& entry);

/// What comes behind so many bytes of data.
std::string PaxPadding(uint64_t size);

/// What comes last.
std::string PaxEnd();

}  // namespace nsdebug
