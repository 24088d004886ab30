#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace nsdebug {

/// A time as Kubernetes and RFC 3339 write it: "2026-01-02T03:04:05Z", with a fraction of a second
/// (beyond microseconds it is cut off) or an offset such as +02:00.
std::optional<std::chrono::system_clock::time_point> ParseTimestamp(std::string_view text);

}  // namespace nsdebug
