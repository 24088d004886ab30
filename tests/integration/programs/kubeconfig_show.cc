// What the plugin makes of a kubeconfig, for comparing with kubectl:
//   kubeconfig_show [--NAME VALUE]...
// with the flags of kubectl. Prints one JSON object, or one line for each fault and exits with 1.
// Secrets are printed: it is a test.

#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kubectl/kubeconfig/loading.h"
#include "kubectl/kubeconfig/selection.h"

namespace {

using nsdebug::kubectl::ClientConfig;
using nsdebug::kubectl::Environment;
using nsdebug::kubectl::LoadKubeconfig;
using nsdebug::kubectl::Overrides;
using nsdebug::kubectl::SelectClientConfig;

int Fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

void Show(const ClientConfig& client) {
  const nlohmann::json object = {
      {"server", client.server},
      {"tls-server-name", client.tls_server_name},
      {"ca", client.ca_pem},
      {"insecure", client.insecure_skip_tls_verify},
      {"proxy-url", client.proxy_url},
      {"namespace", client.name_space},
      {"context", client.context},
      {"cluster", client.cluster},
      {"user", client.user},
      {"token", client.credential.token},
      {"tokenFile", client.credential.token_file},
      {"certificate", client.credential.certificate_pem},
      {"key", client.credential.key_pem},
      {"exec", client.credential.exec ? client.credential.exec->command : ""},
  };
  std::puts(object.dump().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Overrides overrides;
  std::string kubeconfig;
  const std::map<std::string_view, std::string*> flags = {
      {"--kubeconfig", &kubeconfig},
      {"--context", &overrides.context},
      {"--cluster", &overrides.cluster},
      {"--user", &overrides.user},
      {"--server", &overrides.server},
      {"--token", &overrides.token},
      {"--tls-server-name", &overrides.tls_server_name},
      {"--certificate-authority", &overrides.certificate_authority},
      {"--client-certificate", &overrides.client_certificate},
      {"--client-key", &overrides.client_key},
      {"--namespace", &overrides.name_space},
  };
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto flag = flags.find(argv[i]);
    if (flag == flags.end()) return Fail("unknown flag");
    *flag->second = argv[i + 1];
  }
  const Environment environment = Environment::OfProcess();
  const auto loaded = LoadKubeconfig(kubeconfig, environment);
  if (!loaded) return Fail(loaded.error().message);
  const auto client = SelectClientConfig(loaded->config, overrides, environment);
  if (!client) return Fail(client.error().message);
  Show(*client);
  return 0;
}
