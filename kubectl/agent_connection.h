#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "kubectl/kubeconfig/exec_credential.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// A server by its URL: https://HOST[:PORT][/PATH]. kInvalidArgument: anything else.
struct HttpsEndpoint {
  std::string host;
  uint16_t port = 443;
  std::string path;  ///< without a slash at its end; gateways have one API server below each
};
Result<HttpsEndpoint> ParseHttpsUrl(const std::string& url, uint16_t default_port);

/// TLS to an agent on top of a stream that leads to it, verified against `ca_pem` alone: whoever
/// the stream goes through (API server, kubelet) sees only ciphertext. We are who we are to the API
/// server; of a credential with a certificate the token is not used. kInvalidArgument: a
/// certificate is not good, the agent's or our own.
asio::awaitable<Result<std::unique_ptr<HttpClient>>> StartAgentSession(
    std::unique_ptr<ByteStream> stream, std::string server_name, std::string ca_pem,
    Credential credential, std::chrono::milliseconds timeout, RequestLog* log);

/// "HOST[:PORT]" as URLs have it: with brackets around an IPv6 address, without the port 443.
std::string AuthorityOf(const std::string& host, uint16_t port);

}  // namespace nsdebug::kubectl
