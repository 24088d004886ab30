#include "kubectl/transport/proxy_tunnel.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "kubectl/transport/deadline.h"
#include "kubectl/transport/layered_stream.h"

namespace nsdebug::kubectl {

namespace {

namespace http = boost::beast::http;

// RFC 1928 and 1929.
constexpr char kVersion = 5;
constexpr char kNoCredentials = 0;
constexpr char kPassword = 2;
constexpr char kPasswordVersion = 1;
constexpr char kConnect = 1;
constexpr char kIpv4 = 1;
constexpr char kDomainName = 3;
constexpr char kIpv6 = 4;
constexpr size_t kMaxField = 255;

constexpr std::array<std::string_view, 9> kReplies = {
    "it is connected",     "it failed",         "its rules forbid it",
    "network unreachable", "host unreachable",  "connection refused",
    "it took too long",    "it cannot do that", "it does not know that kind of address"};

Failure Refused(const Proxy& proxy, const std::string& to, Code code, std::string_view why) {
  return Fail(code, fmt::format("proxy {} to {}: {}", proxy.Name(), to, why));
}

// --- HTTP

asio::awaitable<Result<void>> ConnectByHttp(LayeredStream* stream, Proxy proxy, std::string to) {
  http::request<http::empty_body> request(http::verb::connect, to, 11);
  request.set(http::field::host, to);
  request.set(http::field::user_agent, "kubectl-ns_debug/" NS_DEBUG_VERSION);
  if (!proxy.username.empty() || !proxy.password.empty()) {
    request.set(http::field::proxy_authorization,
                "Basic " + EncodeBase64(proxy.username + ':' + proxy.password));
  }
  auto [failed, written] = co_await http::async_write(*stream, request, kAwait);
  if (failed) co_return Refused(proxy, to, Code::kUnavailable, failed.message());
  http::response_parser<http::empty_body> parser;
  // What follows the headers of an answer to CONNECT is the server's.
  parser.skip(true);
  boost::beast::flat_buffer buffer;
  auto [error, read] = co_await http::async_read_header(*stream, buffer, parser, kAwait);
  if (error) co_return Refused(proxy, to, Code::kUnavailable, error.message());
  const auto& answer = parser.get();
  if (answer.result_int() / 100 != 2) {
    const bool is_denied = answer.result_int() == 407 || answer.result_int() == 403;
    const std::string why = fmt::format("it answered {} {}", answer.result_int(),
                                        Printable(std::string_view(answer.reason())));
    co_return Refused(proxy, to, is_denied ? Code::kPermissionDenied : Code::kUnavailable, why);
  }
  // Servers of TLS wait for the client's word.
  if (buffer.size() > 0)
    co_return Refused(proxy, to, Code::kInternal, "it sent more than an answer");
  co_return Result<void>();
}

// --- SOCKS5

asio::awaitable<Result<std::string>> Ask(LayeredStream* stream, const std::string* question,
                                         size_t answer_bytes) {
  if (!question->empty()) {
    auto [failed, written] = co_await asio::async_write(*stream, asio::buffer(*question), kAwait);
    if (failed) co_return Fail(Code::kUnavailable, failed.message());
  }
  std::string answer(answer_bytes, '\0');
  auto [error, read] = co_await asio::async_read(*stream, asio::buffer(answer), kAwait);
  if (error) co_return Fail(Code::kUnavailable, error.message());
  co_return answer;
}

asio::awaitable<Result<void>> SignIn(LayeredStream* stream, const Proxy* proxy) {
  const bool has_password = !proxy->username.empty();
  std::string methods = {kVersion, 1, has_password ? kPassword : kNoCredentials};
  Result<std::string> chosen = co_await Ask(stream, &methods, 2);
  if (!chosen) co_return Propagate(std::move(chosen.error()));
  if ((*chosen)[0] != kVersion || (*chosen)[1] != methods.back()) {
    co_return Fail(Code::kPermissionDenied,
                   has_password ? "it takes no password" : "it wants credentials");
  }
  if (!has_password) co_return Result<void>();
  std::string credentials(1, kPasswordVersion);
  for (const std::string& field : {proxy->username, proxy->password}) {
    if (field.size() > kMaxField) co_return Fail(Code::kInvalidArgument, "credentials too long");
    credentials += static_cast<char>(field.size());
    credentials += field;
  }
  Result<std::string> taken = co_await Ask(stream, &credentials, 2);
  if (!taken) co_return Propagate(std::move(taken.error()));
  if ((*taken)[1] != 0) co_return Fail(Code::kPermissionDenied, "it refused the credentials");
  co_return Result<void>();
}

asio::awaitable<Result<void>> ConnectBySocks(LayeredStream* stream, const Proxy* proxy,
                                             const std::string* host, uint16_t port) {
  Result<void> signed_in = co_await SignIn(stream, proxy);
  if (!signed_in) co_return signed_in;
  if (host->size() > kMaxField) co_return Fail(Code::kInvalidArgument, "the name is too long");
  std::string request = {kVersion, kConnect, 0, kDomainName, static_cast<char>(host->size())};
  request += *host;
  request += static_cast<char>(port >> 8);
  request += static_cast<char>(port & 0xff);
  // Version, reply, reserved, kind of address, and its first byte.
  Result<std::string> answer = co_await Ask(stream, &request, 5);
  if (!answer) co_return Propagate(std::move(answer.error()));
  const auto reply = static_cast<unsigned char>((*answer)[1]);
  if ((*answer)[0] != kVersion || reply != 0) {
    co_return Fail(Code::kUnavailable,
                   std::string(reply < kReplies.size() ? kReplies[reply] : "an unknown answer"));
  }
  // The address that it connected from, of which the first byte is read, and its port.
  const char kind = (*answer)[3];
  const auto first = static_cast<unsigned char>((*answer)[4]);
  const size_t address_left = kind == kIpv4 ? 3 : kind == kIpv6 ? 15 : first;
  const std::string nothing;
  Result<std::string> rest = co_await Ask(stream, &nothing, address_left + 2);
  if (!rest) co_return Propagate(std::move(rest.error()));
  co_return Result<void>();
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<ByteStream>>> OpenTunnel(
    std::unique_ptr<ByteStream> to_proxy, Proxy proxy, std::string host, uint16_t port,
    std::chrono::milliseconds timeout) {
  LayeredStream stream(std::move(to_proxy));
  Deadline deadline(stream.stream(), timeout);
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string to = fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
  Result<void> connected;
  if (proxy.kind == Proxy::Kind::kSocks5) {
    connected = co_await ConnectBySocks(&stream, &proxy, &host, port);
    if (!connected) {
      connected = Refused(proxy, to, connected.error().code, connected.error().message);
    }
  } else {
    connected = co_await ConnectByHttp(&stream, proxy, to);
  }
  if (deadline.has_passed()) {
    co_return Refused(proxy, to, Code::kDeadlineExceeded, "no answer in time");
  }
  if (!connected) co_return Propagate(std::move(connected.error()));
  co_return stream.Release();
}

}  // namespace nsdebug::kubectl
