#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug::kubectl {

/// More than any kubeconfig of hundreds of clusters with their certificates in it.
inline constexpr size_t kMaxKubeconfigBytes = size_t{8} << 20;

struct ExecVariable {
  std::string name;
  std::string value;
};

/// A program that hands out credentials (client.authentication.k8s.io).
struct ExecConfig {
  std::string api_version;
  std::string command;
  std::vector<std::string> args;
  std::vector<ExecVariable> env;
  std::string install_hint;
  bool provide_cluster_info = false;
  std::string interactive_mode;  ///< as written; empty is only right for v1beta1
};

struct Cluster {
  std::string origin;  ///< the file that it is from, for messages
  std::string server;
  std::string tls_server_name;
  bool insecure_skip_tls_verify = false;
  std::string certificate_authority;
  std::string certificate_authority_data;  ///< decoded: PEM
  std::string proxy_url;
  bool disable_compression = false;
  /// The extension "client.authentication.k8s.io/exec" as JSON, for plugins; empty without one.
  std::string exec_extension;
};

struct User {
  std::string origin;
  std::string client_certificate;
  std::string client_certificate_data;  ///< decoded: PEM
  std::string client_key;
  std::string client_key_data;  ///< decoded: PEM
  std::string token;
  std::string token_file;
  std::string username;
  std::string password;
  std::string as;
  std::string as_uid;
  std::vector<std::string> as_groups;
  bool has_as_user_extra = false;
  std::optional<std::string> auth_provider;  ///< its name; nobody runs one, so its config is left
  std::optional<ExecConfig> exec;
};

struct Context {
  std::string origin;
  std::string cluster;
  std::string user;
  std::string name_space;
};

/// One file, or several merged. All entries by name.
struct Kubeconfig {
  std::map<std::string, Cluster> clusters;
  std::map<std::string, User> users;
  std::map<std::string, Context> contexts;
  std::string current_context;

  bool is_empty() const {
    return clusters.empty() && users.empty() && contexts.empty() && current_context.empty();
  }
};

/// Parses the text of one file, YAML or JSON; `file` is its path, for messages and as the origin of
/// all entries. Paths in it are left as they are written. As client-go: an empty file is an empty
/// configuration, unknown fields are ignored, wrong types and names that are there twice are
/// errors.
Result<Kubeconfig> ParseKubeconfig(const std::string& text, const std::string& file);

}  // namespace nsdebug::kubectl
