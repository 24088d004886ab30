#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsdebug {

/// The parts between separators, empty ones included: "a,,b" has three.
std::vector<std::string_view> Split(std::string_view text, char separator);

/// A whole decimal number without sign, space or anything behind it, at most `max`.
std::optional<uint64_t> ParseNumber(std::string_view text, uint64_t max = UINT64_MAX);

/// What a terminal or a log line may be given of bytes from outside: control characters and bytes
/// that are not ASCII become \xNN, and more than `limit` bytes are cut with "...".
std::string Printable(std::string_view text, size_t limit = 200);

/// Whether the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates.
bool IsUtf8(std::string_view text);

/// A path of /proc/PID/mountinfo, which writes space, tab, newline and backslash as \ooo.
std::string UnescapeMountPath(std::string_view text);

}  // namespace nsdebug
