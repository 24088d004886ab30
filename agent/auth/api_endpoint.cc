#include "agent/auth/api_endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.h"

namespace nsdebug {

namespace {

constexpr std::string_view kScheme = "https://";

bool IsAddress(const std::string& host) {
  std::array<char, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// Letters, digits and what names and addresses have besides: nothing that could end a header line.
bool IsHost(std::string_view host) {
  return !host.empty() && host.size() <= 253 &&
         std::all_of(host.begin(), host.end(), [](char byte) {
           return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                  (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '_' ||
                  byte == ':';
         });
}

bool IsPath(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char byte) {
    return byte > ' ' && byte < 0x7f && byte != '?' && byte != '#';
  });
}

Result<ApiEndpoint> MakeEndpoint(std::string host, std::string_view port, std::string_view origin) {
  auto number = ParseNumber(port, UINT16_MAX);
  bool is_address = IsAddress(host);
  bool has_colon = host.find(':') != std::string::npos;
  if (!IsHost(host) || (has_colon && !is_address) || !number || *number == 0) {
    return Fail(Code::kInvalidArgument,
                "API server: " + Printable(origin) + " is not a host and a port");
  }
  return ApiEndpoint{.host = std::move(host),
                     .port = static_cast<uint16_t>(*number),
                     .path_prefix = "",
                     .is_address = is_address};
}

}  // namespace

std::string ApiEndpoint::Authority() const {
  bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ApiEndpoint> ParseApiUrl(std::string_view url) {
  // A name and a password in the URL are no host, so they are not repeated in the message either.
  if (!url.starts_with(kScheme) || url.find('@') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument, "API server: its URL is not https://HOST[:PORT][/PREFIX]");
  }
  std::string_view rest = url.substr(kScheme.size());
  size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);

  std::string_view host = authority;
  std::string_view port = "443";
  size_t bracket = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (bracket != std::string_view::npos && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  Result<ApiEndpoint> endpoint = MakeEndpoint(std::string(host), port, url);
  if (!endpoint) return endpoint;
  if (!IsPath(path)) {
    return Fail(Code::kInvalidArgument, "API server: " + Printable(url) + ": not a path");
  }
  endpoint->path_prefix = path;
  return endpoint;
}

Result<ApiEndpoint> ApiEndpointOfPod() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || *host == '\0' || port == nullptr || *port == '\0') {
    return Fail(Code::kInvalidArgument,
                "API server: no URL is configured, and KUBERNETES_SERVICE_HOST and "
                "KUBERNETES_SERVICE_PORT are not set: this is not a pod");
  }
  return MakeEndpoint(host, port, std::string(host) + " port " + port);
}

}  // namespace nsdebug
