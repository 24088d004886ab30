#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "kubectl/kubeconfig/exec_credential.h"
#include "kubectl/kubeconfig/exec_plugin.h"
#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {

/// How a user proves who they are; at most one of the ways to a token, and maybe a certificate.
struct CredentialSpec {
  std::string token;
  std::string token_file;  ///< goes before `token` when it can be read
  std::string certificate_pem;
  std::string key_pem;
  std::string username;  ///< Basic, which some proxies in front of API servers still take
  std::string password;
  std::optional<ExecConfig> exec;
  ExecCluster exec_cluster;  ///< for exec
};

/// Hands out the credential for the next request. Not thread-safe: a plugin must not be started
/// twice, so it belongs to the one thread that sends requests, which waits for the plugin in it.
class CredentialSource {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  CredentialSource(CredentialSpec spec, ExecSurroundings surroundings,
                   Clock clock = std::chrono::system_clock::now);

  /// As client-go does it: a token file is read again after a minute, and when it then cannot be
  /// read the old token is used on; a plugin runs when there is no answer of its own or that has
  /// expired. kUnauthenticated, kNotFound and others: there is no credential.
  Result<Credential> Get();

  /// The server answered 401 to `used`: the plugin runs again for the next request, unless it has
  /// done so meanwhile. The one that failed is not to be repeated.
  void Reject(const Credential& used);

 private:
  Result<Credential> FromExec();
  Result<std::string> FromFile();

  CredentialSpec spec_;
  ExecSurroundings surroundings_;
  Clock clock_;
  std::optional<Credential> answer_;  ///< of the plugin
  std::string file_token_;            ///< empty before the file was read
  std::chrono::system_clock::time_point file_read_;
};

}  // namespace nsdebug::kubectl
