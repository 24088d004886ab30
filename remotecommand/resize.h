#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nsdebug {

struct TerminalSize {
  uint16_t columns = 0;
  uint16_t rows = 0;

  bool operator==(const TerminalSize&) const = default;
};

/// More than a size with both its fields written in any way needs.
inline constexpr size_t kMaxSizeBytes = 256;

/// Reads the resize channel: {"Width":80,"Height":24} again and again, cut anywhere. Names are
/// compared without case, as Go's decoder does it.
///
/// What is no size (other JSON, a zero, more than 65535, more than kMaxSizeBytes) is left out, and
/// the session goes on: a browser whose terminal is hidden sends such things.
class ResizeParser {
 public:
  /// The last size that this piece completes.
  std::optional<TerminalSize> Take(std::string_view piece);

 private:
  bool TakeByte(char byte);

  std::string object_;  ///< what has come of the object that is under way
  bool too_long_ = false;
  int depth_ = 0;  ///< of braces; 0: between objects
  bool in_string_ = false;
  bool escaped_ = false;
};

/// One size as the channel carries it, for clients.
std::string EncodeResize(TerminalSize size);

}  // namespace nsdebug
