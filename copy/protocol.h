#pragma once

#include <string_view>

namespace nsdebug {

/// What the two ends of a copy agree on, besides the archive.

/// The program in the session, found by the toolbox's PATH.
inline constexpr std::string_view kCopyProgram = "ns-copy";
/// The target's root in the toolbox view.
inline constexpr const char* kTargetRoot = "/target";
/// The last line on stderr: this, then the SHA-256 of the archive in hexadecimal.
inline constexpr std::string_view kChecksumLine = "ns-copy: sha256 ";

}  // namespace nsdebug
