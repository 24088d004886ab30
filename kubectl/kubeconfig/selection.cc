#include "kubectl/kubeconfig/selection.h"

#include <fmt/format.h>

#include <utility>

#include "base/io.h"
#include "base/text.h"
#include "kubectl/kubeconfig/entry_check.h"
#include "kubectl/kubeconfig/in_cluster.h"

namespace nsdebug::kubectl {

namespace {

constexpr size_t kMaxPemBytes = size_t{4} << 20;
constexpr std::string_view kDefaultNamespace = "default";

using Faults = std::vector<std::string>;

void Append(Faults& faults, Faults more) {
  faults.insert(faults.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

/// What the names lead to, with the flags applied.
struct Selected {
  Context context;
  Cluster cluster;
  User user;
};

void Apply(const Overrides& overrides, Cluster& cluster) {
  if (!overrides.server.empty()) cluster.server = overrides.server;
  // One flag about trust replaces all that the file says about it.
  if (overrides.insecure_skip_tls_verify || !overrides.certificate_authority.empty()) {
    cluster.insecure_skip_tls_verify = overrides.insecure_skip_tls_verify;
    cluster.certificate_authority = overrides.certificate_authority;
    cluster.certificate_authority_data.clear();
  }
  // The name in the file belongs to the server in the file.
  if (!overrides.tls_server_name.empty() || !overrides.server.empty()) {
    cluster.tls_server_name = overrides.tls_server_name;
  }
}

void Apply(const Overrides& overrides, User& user) {
  if (!overrides.token.empty()) {
    user.token = overrides.token;
    // kubectl leaves it, and then sends the file's token in place of the one on the command line.
    user.token_file.clear();
  }
  if (!overrides.client_certificate.empty()) {
    user.client_certificate = overrides.client_certificate;
    user.client_certificate_data.clear();
  }
  if (!overrides.client_key.empty()) {
    user.client_key = overrides.client_key;
    user.client_key_data.clear();
  }
}

/// The entry of that name; one that is not named has no fields. `what` is what faults call it.
template <class Entry>
Entry EntryOf(const std::map<std::string, Entry>& entries, const std::string& name,
              const std::string& what, Faults& faults) {
  const auto found = entries.find(name);
  if (found != entries.end()) return found->second;
  if (!name.empty()) faults.push_back(what + " is not in the kubeconfig");
  return {};
}

Selected Select(const Kubeconfig& config, const Overrides& overrides, ClientConfig& client,
                Faults& faults) {
  const auto named = [](std::string_view kind, const std::string& name, std::string_view where) {
    return fmt::format("{} '{}'{}", kind, Printable(name), where);
  };
  Selected selected;
  const bool is_current = overrides.context.empty();
  client.context = is_current ? config.current_context : overrides.context;
  selected.context =
      EntryOf(config.contexts, client.context,
              named("context", client.context, is_current ? " (current-context)" : ""), faults);
  const std::string of_context = named(" of context", client.context, "");
  if (!overrides.cluster.empty()) selected.context.cluster = overrides.cluster;
  if (!overrides.user.empty()) selected.context.user = overrides.user;
  client.cluster = selected.context.cluster;
  client.user = selected.context.user;
  selected.cluster = EntryOf(
      config.clusters, client.cluster,
      named("cluster", client.cluster, overrides.cluster.empty() ? of_context : ""), faults);
  selected.user =
      EntryOf(config.users, client.user,
              named("user", client.user, overrides.user.empty() ? of_context : ""), faults);
  Apply(overrides, selected.cluster);
  Apply(overrides, selected.user);
  return selected;
}

/// The PEM of a field, from its data or its file.
std::string PemOf(const std::string& data, const std::string& file, std::string_view field,
                  Faults& faults) {
  if (!data.empty() || file.empty()) return data;
  Result<std::string> text = ReadFile(file, kMaxPemBytes);
  if (!text) {
    faults.push_back(fmt::format("{}: {}", field, text.error().message));
    return {};
  }
  if (text->find("-----BEGIN ") == std::string::npos) {
    faults.push_back(fmt::format("{}: {} is not PEM", field, file));
  }
  return std::move(*text);
}

/// Without query and fragment: client-go drops them, and so a path prefix stays usable.
std::string WithoutQuery(const std::string& url) { return url.substr(0, url.find_first_of("?#")); }

void FillCluster(const Cluster& cluster, ClientConfig& client, Faults& faults) {
  client.server = WithoutQuery(cluster.server);
  client.tls_server_name = cluster.tls_server_name;
  client.insecure_skip_tls_verify = cluster.insecure_skip_tls_verify;
  client.proxy_url = cluster.proxy_url;
  client.disable_compression = cluster.disable_compression;
  client.ca_pem = PemOf(cluster.certificate_authority_data, cluster.certificate_authority,
                        "certificate-authority", faults);
}

ExecCluster ExecClusterOf(const Cluster& cluster, const ClientConfig& client) {
  ExecCluster exec;
  exec.server = client.server;
  exec.tls_server_name = client.tls_server_name;
  exec.insecure_skip_tls_verify = client.insecure_skip_tls_verify;
  exec.certificate_authority_pem = client.ca_pem;
  exec.proxy_url = client.proxy_url;
  exec.disable_compression = client.disable_compression;
  exec.config = cluster.exec_extension;
  return exec;
}

void FillUser(const Selected& selected, ClientConfig& client, Faults& faults) {
  const User& user = selected.user;
  // Not even a token goes over a connection that everybody can read; `kubectl proxy` needs none.
  if (!client.has_tls()) return;
  CredentialSpec& credential = client.credential;
  credential.token = user.token;
  credential.token_file = user.token_file;
  credential.username = user.username;
  credential.password = user.password;
  if (!user.client_certificate.empty() || !user.client_certificate_data.empty()) {
    credential.certificate_pem =
        PemOf(user.client_certificate_data, user.client_certificate, "client-certificate", faults);
    credential.key_pem = PemOf(user.client_key_data, user.client_key, "client-key", faults);
  }
  // A plugin is asked only when there is nothing else: it may open a browser.
  const bool has_other = !user.token.empty() || !user.token_file.empty() ||
                         !user.username.empty() || !credential.certificate_pem.empty();
  if (user.exec && !has_other) {
    credential.exec = user.exec;
    credential.exec_cluster = ExecClusterOf(selected.cluster, client);
  }
}

std::string NamespaceOf(const Context& context, const Overrides& overrides,
                        const Environment& environment) {
  std::string name = overrides.name_space;
  if (name.empty()) name = context.name_space;
  if (name.empty() && IsInCluster(environment)) name = InClusterNamespace(environment);
  return name.empty() ? std::string(kDefaultNamespace) : name;
}

/// Whether nothing says which cluster is meant.
bool IsNothingChosen(const Kubeconfig& config, const Overrides& overrides) {
  return config.is_empty() && overrides.server.empty() && overrides.context.empty() &&
         overrides.cluster.empty() && overrides.user.empty();
}

ClientConfig InClusterConfig(const Overrides& overrides, const Environment& environment,
                             Faults& faults) {
  Selected selected;
  selected.cluster.server = InClusterServer(environment);
  selected.cluster.certificate_authority = environment.service_account + "/ca.crt";
  selected.user.token_file = environment.service_account + "/token";
  Apply(overrides, selected.cluster);
  Apply(overrides, selected.user);
  ClientConfig client;
  FillCluster(selected.cluster, client, faults);
  FillUser(selected, client, faults);
  return client;
}

ClientConfig FileConfig(const Kubeconfig& config, const Overrides& overrides, Faults& faults,
                        Context* context) {
  ClientConfig client;
  const Selected selected = Select(config, overrides, client, faults);
  *context = selected.context;
  if (!faults.empty()) return client;  // what is missing would be reported as empty, too
  if (client.cluster.empty() && selected.cluster.server.empty()) {
    faults.push_back(client.context.empty()
                         ? "the kubeconfig has no current-context: choose one with --context"
                         : fmt::format("context '{}' names no cluster", Printable(client.context)));
    return client;
  }
  Append(faults, FaultsOf(selected.cluster, client.cluster));
  Append(faults, FaultsOf(selected.user, client.user));
  if (!faults.empty()) return client;
  FillCluster(selected.cluster, client, faults);
  FillUser(selected, client, faults);
  return client;
}

}  // namespace

Result<ClientConfig> SelectClientConfig(const Kubeconfig& config, const Overrides& overrides,
                                        const Environment& environment) {
  if (!overrides.as.empty() || !overrides.as_uid.empty() || !overrides.as_groups.empty()) {
    return Fail(Code::kInvalidArgument, fmt::format("--as: {}", kNoImpersonation));
  }
  Faults faults;
  Context context;
  ClientConfig client;
  if (!IsNothingChosen(config, overrides)) {
    client = FileConfig(config, overrides, faults, &context);
  } else if (IsInCluster(environment)) {
    client = InClusterConfig(overrides, environment, faults);
  } else {
    return Fail(
        Code::kFailedPrecondition,
        "there is no kubeconfig: set KUBECONFIG, or give --kubeconfig FILE or --server URL");
  }
  client.name_space = NamespaceOf(context, overrides, environment);
  if (!IsNamespaceName(client.name_space)) {
    faults.push_back(
        fmt::format("namespace '{}': not the name of a namespace", Printable(client.name_space)));
  }
  if (!faults.empty()) {
    return Fail(Code::kInvalidArgument, fmt::format("{}", fmt::join(faults, "\n")));
  }
  return client;
}

}  // namespace nsdebug::kubectl
