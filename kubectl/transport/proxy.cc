#include "kubectl/transport/proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url/parse.hpp>
#include <charconv>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

namespace ip = boost::asio::ip;

struct SchemeEntry {
  std::string_view name;
  Proxy::Kind kind;
  uint16_t port;  ///< when the URL has none
};

constexpr std::array<SchemeEntry, 4> kSchemes = {{
    {"http", Proxy::Kind::kHttp, 80},
    {"https", Proxy::Kind::kHttps, 443},
    {"socks5", Proxy::Kind::kSocks5, 1080},
    {"socks5h", Proxy::Kind::kSocks5, 1080},
}};

std::optional<uint16_t> PortOf(const std::string& text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || port == 0) return std::nullopt;
  return port;
}

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  std::string word(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
  std::transform(word.begin(), word.end(), word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return word;
}

std::optional<ip::address> AddressOf(const std::string& text) {
  boost::system::error_code bad;
  const ip::address address = ip::make_address(text, bad);
  if (bad) return std::nullopt;
  return address;
}

/// Whether `word` is a network, ADDRESS/BITS, and the address in it; none: it is no network.
std::optional<bool> IsInNetwork(const std::string& word,
                                const std::optional<ip::address>& address) {
  boost::system::error_code bad;
  const ip::network_v4 v4 = ip::make_network_v4(word, bad);
  if (!bad && word.find('/') != std::string::npos) {
    return address && address->is_v4() &&
           ip::make_network_v4(address->to_v4(), v4.prefix_length()).canonical() == v4.canonical();
  }
  const ip::network_v6 v6 = ip::make_network_v6(word, bad);
  if (!bad && word.find('/') != std::string::npos) {
    return address && address->is_v6() &&
           ip::make_network_v6(address->to_v6(), v6.prefix_length()).canonical() == v6.canonical();
  }
  return std::nullopt;
}

struct HostAndPort {
  std::string host;
  std::string port;  ///< empty: any
};

HostAndPort SplitPort(const std::string& word) {
  if (word.starts_with('[')) {
    const size_t end = word.find(']');
    if (end == std::string::npos) return {word, {}};
    const bool has_port = end + 1 < word.size() && word[end + 1] == ':';
    return {word.substr(1, end - 1), has_port ? word.substr(end + 2) : std::string()};
  }
  const size_t colon = word.find(':');
  // Two of them: an IPv6 address without brackets.
  if (colon == std::string::npos || word.find(':', colon + 1) != std::string::npos)
    return {word, {}};
  return {word.substr(0, colon), word.substr(colon + 1)};
}

bool IsDomainOf(std::string domain, const std::string& host) {
  if (domain.starts_with("*.")) domain.erase(0, 1);
  if (domain.starts_with('.')) return host.ends_with(domain);
  return host == domain || host.ends_with('.' + domain);
}

/// One word of NO_PROXY.
bool IsExcluded(const std::string& word, const std::string& host, uint16_t port) {
  const std::optional<ip::address> address = AddressOf(host);
  if (const std::optional<bool> inside = IsInNetwork(word, address)) return *inside;
  const HostAndPort excluded = SplitPort(word);
  if (excluded.host.empty()) return false;
  if (!excluded.port.empty() && excluded.port != std::to_string(port)) return false;
  if (const auto excluded_address = AddressOf(excluded.host)) return excluded_address == address;
  return IsDomainOf(excluded.host, host);
}

bool IsExcludedByAny(std::string_view no_proxy, const std::string& host, uint16_t port) {
  const auto words = Split(no_proxy, ',');
  return std::any_of(words.begin(), words.end(), [&](std::string_view one) {
    const std::string word = Trimmed(one);
    return word == "*" || (!word.empty() && IsExcluded(word, host, port));
  });
}

bool IsLocal(const std::string& host) {
  const auto address = AddressOf(host);
  return host == "localhost" || (address && address->is_loopback());
}

}  // namespace

std::string Proxy::Name() const {
  for (const SchemeEntry& scheme : kSchemes) {
    if (scheme.kind == kind) return fmt::format("{}://{}:{}", scheme.name, host, port);
  }
  return host;
}

Result<std::optional<Proxy>> ParseProxyUrl(std::string_view url) {
  if (url.empty()) return std::optional<Proxy>();
  const std::string text(url);
  const auto parsed = boost::urls::parse_uri(text);
  if (parsed && !parsed->host_address().empty()) {
    for (const SchemeEntry& scheme : kSchemes) {
      if (std::string_view(parsed->scheme()) != scheme.name) continue;
      const std::optional<uint16_t> port =
          parsed->has_port() ? PortOf(std::string(parsed->port())) : scheme.port;
      if (!port) break;
      return Proxy{scheme.kind, parsed->host_address(), *port, parsed->user(), parsed->password()};
    }
  }
  return Fail(Code::kInvalidArgument,
              "the proxy is not http://, https:// or socks5:// with a HOST[:PORT]");
}

Result<std::optional<Proxy>> ProxyOfEnvironment(const ProxyVariables& variables,
                                                const std::string& host, uint16_t port) {
  const std::string name = Trimmed(host);
  if (variables.https_proxy.empty() || IsLocal(name) ||
      IsExcludedByAny(variables.no_proxy, name, port)) {
    return std::optional<Proxy>();
  }
  // As in Go, and in most of what reads the variable, HOST:PORT is enough.
  const bool has_scheme = variables.https_proxy.find("://") != std::string_view::npos;
  Result<std::optional<Proxy>> proxy =
      ParseProxyUrl((has_scheme ? "" : "http://") + std::string(variables.https_proxy));
  if (!proxy) return Propagate(std::move(proxy.error()), "HTTPS_PROXY");
  return proxy;
}

}  // namespace nsdebug::kubectl
