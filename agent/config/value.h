#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace nsdebug {

/// What the single values of the configuration may be; all of these are pure.

/// An IPv4 or IPv6 address. Names are not: which address they mean can change under us.
bool IsAddress(std::string_view text);

/// An absolute path without "." and ".." in it.
bool IsPath(std::string_view text);

/// As a cgroup of sessions: a path, but not the root's own cgroup.
bool IsCgroup(std::string_view text);

/// "https://HOST[:PORT]" with nothing behind it, and no user in it.
bool IsServerUrl(std::string_view text);

/// "unix:///PATH", or the path alone.
bool IsEndpoint(std::string_view text);

/// A name that a node can have: a DNS name.
bool IsNodeName(std::string_view text);

/// "1500ms", "90s", "5m": what ParseDuration reads, in the largest unit that holds it whole.
std::string ShowDuration(std::chrono::milliseconds duration);

/// "4Mi", "1000": what ParseBytes reads, in the largest unit that holds it whole.
std::string ShowBytes(uint64_t bytes);

}  // namespace nsdebug
