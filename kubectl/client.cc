#include "kubectl/client.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "base/text.h"
#include "kubectl/kubeconfig/loading.h"

namespace nsdebug::kubectl {

namespace {

Result<ClientConfig> LoadConfig(const PluginOptions& options, const Environment& environment) {
  Result<LoadedKubeconfig> loaded = LoadKubeconfig(options.kubeconfig, environment);
  if (!loaded) return Propagate(std::move(loaded.error()));
  for (const std::string& warning : loaded->warnings) {
    if (!options.quiet) std::fprintf(stderr, "%s\n", warning.c_str());
  }
  Overrides overrides = options.overrides;
  // Straight to an agent with a credential of the flags, no API server is asked for anything: on a
  // machine without Kubernetes there is none to name, and no kubeconfig.
  const bool is_known = !overrides.token.empty() || !overrides.client_certificate.empty();
  if (!options.agent.empty() && is_known && loaded->config.is_empty() && overrides.server.empty()) {
    overrides.server = options.agent;
  }
  return SelectClientConfig(loaded->config, overrides, environment);
}

/// What proves to an agent who we are. The API server may take more than an agent can.
Result<void> CheckCredential(const ClientConfig& config, const Credential& credential) {
  if (!credential.token.empty() || !credential.certificate_pem.empty()) return {};
  if (!config.has_tls()) {
    return Fail(Code::kInvalidArgument,
                "the API server's URL is " + Printable(config.server) +
                    ": credentials only go to https, and agents let nobody in without");
  }
  const std::string user = config.user.empty() ? "the user" : "user " + Printable(config.user);
  if (!config.credential.username.empty()) {
    return Fail(Code::kInvalidArgument,
                user +
                    " signs in with a password, which no agent can check: use a client "
                    "certificate, a token or a credential plugin");
  }
  return Fail(Code::kInvalidArgument,
              user +
                  " has no credentials, and agents let nobody in without: use a client "
                  "certificate, a token or a credential plugin");
}

}  // namespace

Stage<Client> LoadClient(const PluginOptions& options, RequestLog* log) {
  const Environment environment = Environment::OfProcess();
  Result<ClientConfig> config = LoadConfig(options, environment);
  if (!config) return Stop(std::move(config.error()), kExitClientConfig);
  ExecSurroundings surroundings{environment, ::isatty(STDIN_FILENO) != 0};
  auto source = std::make_unique<CredentialSource>(config->credential, std::move(surroundings));
  Result<Credential> credential = source->Get();
  if (!credential) return Stop(std::move(credential.error()), kExitClientConfig);
  Result<void> usable = CheckCredential(*config, *credential);
  if (!usable) return Stop(std::move(usable.error()), kExitClientConfig);
  return Client{std::move(*config), std::move(source), environment, log};
}

Stage<ClusterAccess> AccessOf(const PluginOptions& options, const Client& client) {
  Result<Credential> credential = client.credentials->Get();
  if (!credential) return Stop(std::move(credential.error()), kExitClientConfig);
  return ClusterAccess{client.config, std::move(*credential), client.environment,
                       options.request_timeout, client.log};
}

}  // namespace nsdebug::kubectl
