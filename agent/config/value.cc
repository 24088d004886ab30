#include "agent/config/value.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/text.h"

namespace nsdebug {

namespace {

constexpr size_t kMaxNodeNameBytes = 253;  // of a DNS name, as in Kubernetes

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNodeNameBytes && text.front() != '-' &&
         text.front() != '.' && std::all_of(text.begin(), text.end(), IsNameCharacter);
}

}  // namespace

bool IsAddress(std::string_view text) {
  const std::string address(text);
  in6_addr binary{};
  // inet_pton reads up to the first NUL.
  return address.find('\0') == std::string::npos &&
         (::inet_pton(AF_INET, address.c_str(), &binary) == 1 ||
          ::inet_pton(AF_INET6, address.c_str(), &binary) == 1);
}

bool IsPath(std::string_view text) {
  if (!text.starts_with('/') || text.size() >= PATH_MAX) return false;
  if (text.find_first_of(std::string_view("\0\n", 2)) != std::string_view::npos) return false;
  const auto parts = Split(text, '/');
  return std::none_of(parts.begin(), parts.end(),
                      [](std::string_view part) { return part == "." || part == ".."; });
}

bool IsCgroup(std::string_view text) {
  return IsPath(text) && text.find_first_not_of('/') != std::string_view::npos;
}

bool IsServerUrl(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme)) return false;
  std::string_view host = text.substr(kScheme.size());
  if (host.ends_with('/')) host.remove_suffix(1);
  // An IPv6 address has colons of its own, and brackets around it.
  const size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return false;
  const size_t colon = host.find(':', bracket);
  if (colon != std::string_view::npos) {
    const auto port = ParseNumber(host.substr(colon + 1), UINT16_MAX);
    if (!port || *port == 0) return false;
    host = host.substr(0, colon);
  }
  if (bracket == 0) return IsName(host);
  return host.size() == bracket + 1 && IsAddress(host.substr(1, bracket - 1)) &&
         host.find(':') != std::string_view::npos;
}

bool IsEndpoint(std::string_view text) {
  constexpr std::string_view kScheme = "unix://";
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  return IsPath(text);
}

bool IsNodeName(std::string_view text) { return IsName(text); }

std::string ShowDuration(std::chrono::milliseconds duration) {
  const auto milliseconds = duration.count();
  if (milliseconds == 0) return "0s";
  if (milliseconds % 3'600'000 == 0) return fmt::format("{}h", milliseconds / 3'600'000);
  if (milliseconds % 60'000 == 0) return fmt::format("{}m", milliseconds / 60'000);
  if (milliseconds % 1000 == 0) return fmt::format("{}s", milliseconds / 1000);
  return fmt::format("{}ms", milliseconds);
}

std::string ShowBytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits = {"", "Ki", "Mi", "Gi"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

}  // namespace nsdebug
