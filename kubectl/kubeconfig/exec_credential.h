#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {

/// What a credential plugin answers at most.
inline constexpr size_t kMaxExecCredentialBytes = size_t{1} << 20;

/// What proves who somebody is. A token, a client certificate with its key, or both.
struct Credential {
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::optional<std::chrono::system_clock::time_point> expires;  ///< none: never
};

/// What a plugin may know of the cluster that it is asked about (provideClusterInfo).
struct ExecCluster {
  std::string server;
  std::string tls_server_name;
  bool insecure_skip_tls_verify = false;
  std::string certificate_authority_pem;
  std::string proxy_url;
  bool disable_compression = false;
  std::string config;  ///< Cluster::exec_extension
};

/// "IfAvailable" for a v1beta1 plugin that does not say; else what it says.
std::string_view InteractiveModeOf(const ExecConfig& exec);

/// What client-go demands of an exec section, one line per fault; `user` is the name for them.
std::vector<std::string> FaultsOf(const ExecConfig& exec, std::string_view user);

/// The value of KUBERNETES_EXEC_INFO. `cluster` may be nullptr.
std::string EncodeExecInfo(std::string_view api_version, bool is_interactive,
                           const ExecCluster* cluster);

/// Reads what the plugin wrote to standard output. Messages never quote it.
Result<Credential> ParseExecCredential(std::string_view text, std::string_view api_version);

/// The hint for a terminal: control characters and those that turn the direction of writing become
/// U+XXXX, as in client-go; line breaks and tabs stay.
std::string CleanHint(std::string_view hint);

}  // namespace nsdebug::kubectl
