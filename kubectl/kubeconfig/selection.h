#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "kubectl/kubeconfig/credential_source.h"
#include "kubectl/kubeconfig/environment.h"
#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {

/// kubectl's flags that stand above the kubeconfig. Empty: not given.
struct Overrides {
  std::string context;
  std::string cluster;
  std::string user;
  std::string server;
  std::string tls_server_name;
  std::string certificate_authority;
  bool insecure_skip_tls_verify = false;
  std::string client_certificate;
  std::string client_key;
  std::string token;
  std::string name_space;
  std::string as;
  std::string as_uid;
  std::vector<std::string> as_groups;
};

/// All that a connection needs to know. Files are read already, but for a token's, which changes.
struct ClientConfig {
  std::string server;           ///< http or https URL; may have a path, has no query or fragment
  std::string tls_server_name;  ///< empty: the host of the server
  std::string ca_pem;           ///< empty: the system's
  bool insecure_skip_tls_verify = false;
  std::string proxy_url;  ///< of the kubeconfig: http, https or socks5. Empty: ask the environment
  bool disable_compression = false;
  std::string name_space;
  CredentialSpec credential;  ///< empty when the server is http: nothing secret goes there

  std::string context;  ///< what was chosen, for messages; empty in a cluster
  std::string cluster;
  std::string user;

  bool has_tls() const { return server.starts_with("https://"); }
};

/// Chooses and checks as client-go does; in a pod without a kubeconfig, its service account. Of
/// what is wrong the message has one line each, all that was found.
Result<ClientConfig> SelectClientConfig(const Kubeconfig& config, const Overrides& overrides,
                                        const Environment& environment);

}  // namespace nsdebug::kubectl
