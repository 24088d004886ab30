#include "kubectl/agent_connection.h"

#include <fmt/format.h>

#include <boost/url/parse.hpp>
#include <utility>

#include "base/text.h"
#include "kubectl/transport/tls_handshake.h"

namespace nsdebug::kubectl {

Result<HttpsEndpoint> ParseHttpsUrl(const std::string& url, uint16_t default_port) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool is_plain = parsed && parsed->scheme() == "https" && !parsed->host_address().empty() &&
                        !parsed->has_query() && !parsed->has_userinfo() &&
                        // What is no number, or too large a one, is 0.
                        (!parsed->has_port() || parsed->port_number() != 0);
  if (!is_plain) {
    return Fail(Code::kInvalidArgument,
                fmt::format("'{}' is not https://HOST[:PORT][/PATH]", Printable(url)));
  }
  HttpsEndpoint endpoint{parsed->host_address(),
                         parsed->has_port() ? parsed->port_number() : default_port,
                         std::string(parsed->encoded_path())};
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  return endpoint;
}

std::string AuthorityOf(const std::string& host, uint16_t port) {
  constexpr uint16_t kHttps = 443;
  std::string authority = host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (port != kHttps) authority += ':' + std::to_string(port);
  return authority;
}

asio::awaitable<Result<std::unique_ptr<HttpClient>>> StartAgentSession(
    std::unique_ptr<ByteStream> stream, std::string server_name, std::string ca_pem,
    Credential credential, std::chrono::milliseconds timeout, RequestLog* log) {
  if (ca_pem.empty()) {
    co_return Fail(Code::kInvalidArgument, "no CA to verify the agent with");
  }
  TlsOptions tls;
  tls.server_name = server_name;
  tls.ca_pem = std::move(ca_pem);
  tls.certificate_pem = credential.certificate_pem;
  tls.key_pem = credential.key_pem;
  if (log != nullptr) log->CountRoundTrip("TLS with the agent");
  Result<std::unique_ptr<ByteStream>> secured =
      co_await StartTls(std::move(stream), std::move(tls), timeout);
  if (!secured) co_return Propagate(std::move(secured.error()), "the agent");
  HttpClient::Headers headers;
  // A token can be used again by whoever reads it, which the agent does; a certificate cannot.
  if (credential.certificate_pem.empty() && !credential.token.empty()) {
    headers.emplace_back("Authorization", "Bearer " + credential.token);
  }
  HttpClient::Options options{std::move(server_name), {}, std::move(headers), timeout,
                              /*connect=*/{},         log};
  co_return std::make_unique<HttpClient>(std::move(*secured), std::move(options));
}

}  // namespace nsdebug::kubectl
