#include "kubectl/cluster_connection.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/base64.h"
#include "kubectl/agent_connection.h"
#include "kubectl/transport/proxy.h"
#include "kubectl/transport/proxy_tunnel.h"
#include "kubectl/transport/tcp_stream.h"
#include "kubectl/transport/tls_handshake.h"

namespace nsdebug::kubectl {

namespace {

constexpr uint16_t kHttpsPort = 443;

HttpClient::Headers HeadersOf(const Credential& credential, const CredentialSpec& spec) {
  if (!credential.token.empty()) return {{"Authorization", "Bearer " + credential.token}};
  if (spec.username.empty()) return {};
  return {{"Authorization", "Basic " + EncodeBase64(spec.username + ':' + spec.password)}};
}

void Count(const ClusterAccess& access, std::string_view what) {
  if (access.log != nullptr) access.log->CountRoundTrip(what);
}

/// The first that is set, as Go has it.
std::string_view FirstOf(const Environment& environment, std::string_view upper,
                         std::string_view lower) {
  const std::string_view value = environment.Get(upper);
  return value.empty() ? environment.Get(lower) : value;
}

Result<std::optional<Proxy>> ProxyFor(const ClusterAccess& access, const HttpsEndpoint& endpoint) {
  if (!access.config.proxy_url.empty()) {
    Result<std::optional<Proxy>> proxy = ParseProxyUrl(access.config.proxy_url);
    if (!proxy) return Propagate(std::move(proxy.error()), "proxy-url of the kubeconfig");
    return proxy;
  }
  const ProxyVariables variables{FirstOf(access.environment, "HTTPS_PROXY", "https_proxy"),
                                 FirstOf(access.environment, "NO_PROXY", "no_proxy")};
  return ProxyOfEnvironment(variables, endpoint.host, endpoint.port);
}

asio::awaitable<Result<std::unique_ptr<ByteStream>>> ConnectThroughProxy(
    const ClusterAccess* access, Proxy proxy, const HttpsEndpoint* endpoint) {
  Count(*access, "TCP to the proxy");
  Result<std::unique_ptr<ByteStream>> stream =
      co_await ConnectTcp(proxy.host, proxy.port, access->timeout);
  if (!stream) co_return Propagate(std::move(stream.error()), "proxy");
  if (proxy.kind == Proxy::Kind::kHttps) {
    // As net/http has it: trusted by what the API server is trusted by. Our certificate is not for
    // the proxy.
    TlsOptions tls;
    tls.server_name = proxy.host;
    tls.ca_pem = access->config.ca_pem;
    tls.insecure = access->config.insecure_skip_tls_verify;
    Count(*access, "TLS with the proxy");
    stream = co_await StartTls(std::move(*stream), std::move(tls), access->timeout);
    if (!stream) co_return Propagate(std::move(stream.error()), "proxy");
  }
  Count(*access, "way through the proxy");
  stream = co_await OpenTunnel(std::move(*stream), std::move(proxy), endpoint->host, endpoint->port,
                               access->timeout);
  co_return stream;
}

asio::awaitable<Result<std::unique_ptr<ByteStream>>> OpenStream(const ClusterAccess* access,
                                                                const HttpsEndpoint* endpoint) {
  Result<std::optional<Proxy>> proxy = ProxyFor(*access, *endpoint);
  if (!proxy) co_return Propagate(std::move(proxy.error()));
  Result<std::unique_ptr<ByteStream>> stream;
  if (proxy->has_value()) {
    stream = co_await ConnectThroughProxy(access, std::move(**proxy), endpoint);
  } else {
    Count(*access, "TCP");
    stream = co_await ConnectTcp(endpoint->host, endpoint->port, access->timeout);
  }
  if (!stream) co_return Propagate(std::move(stream.error()), "API server");
  const ClientConfig& config = access->config;
  TlsOptions tls;
  tls.server_name = config.tls_server_name.empty() ? endpoint->host : config.tls_server_name;
  tls.ca_pem = config.ca_pem;
  tls.insecure = config.insecure_skip_tls_verify;
  tls.certificate_pem = access->credential.certificate_pem;
  tls.key_pem = access->credential.key_pem;
  Count(*access, "TLS");
  stream = co_await StartTls(std::move(*stream), std::move(tls), access->timeout);
  if (!stream) co_return Propagate(std::move(stream.error()), "API server");
  co_return std::move(*stream);
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<HttpClient>>> ConnectCluster(ClusterAccess access) {
  Result<HttpsEndpoint> endpoint = ParseHttpsUrl(access.config.server, kHttpsPort);
  if (!endpoint) co_return Propagate(std::move(endpoint.error()), "API server");
  // Of the client, which may connect again, and of this first connection.
  struct Shared {
    ClusterAccess access;
    HttpsEndpoint endpoint;
  };
  auto shared = std::make_shared<const Shared>(Shared{std::move(access), std::move(*endpoint)});
  Result<std::unique_ptr<ByteStream>> stream =
      co_await OpenStream(&shared->access, &shared->endpoint);
  if (!stream) co_return Propagate(std::move(stream.error()));
  HttpClient::Options options;
  options.host = AuthorityOf(shared->endpoint.host, shared->endpoint.port);
  options.path_prefix = shared->endpoint.path;
  options.headers = HeadersOf(shared->access.credential, shared->access.config.credential);
  options.timeout = shared->access.timeout;
  options.log = shared->access.log;
  options.connect = [shared] { return OpenStream(&shared->access, &shared->endpoint); };
  co_return std::make_unique<HttpClient>(std::move(*stream), std::move(options));
}

}  // namespace nsdebug::kubectl
