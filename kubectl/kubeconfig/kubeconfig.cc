#include "kubectl/kubeconfig/kubeconfig.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "kubectl/kubeconfig/document.h"
#include "kubectl/kubeconfig/map_reader.h"

namespace nsdebug::kubectl {

namespace {

/// The name under which clusters keep what is meant for credential plugins.
constexpr std::string_view kExecExtension = "client.authentication.k8s.io/exec";

Cluster ReadCluster(const MapReader& map) {
  Cluster cluster;
  map.String("server", cluster.server);
  map.String("tls-server-name", cluster.tls_server_name);
  map.Bool("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify);
  map.String("certificate-authority", cluster.certificate_authority);
  map.Data("certificate-authority-data", cluster.certificate_authority_data);
  map.String("proxy-url", cluster.proxy_url);
  map.Bool("disable-compression", cluster.disable_compression);
  map.List("extensions", [&cluster](const MapReader& item) {
    std::string name;
    item.String("name", name);
    const Node* extension = item.Find("extension");
    if (name != kExecExtension || extension == nullptr) return;
    Result<std::string> text = ToJson(*extension);
    if (!text) return item.Fault("extension", text.error().message);
    cluster.exec_extension = std::move(*text);
  });
  return cluster;
}

ExecConfig ReadExec(const MapReader& map) {
  ExecConfig exec;
  map.String("apiVersion", exec.api_version);
  map.String("command", exec.command);
  map.Strings("args", exec.args);
  map.List("env", [&exec](const MapReader& item) {
    ExecVariable variable;
    item.String("name", variable.name);
    item.String("value", variable.value);
    if (variable.name.find('=') != std::string::npos) item.Fault("name", "a name with '=' in it");
    exec.env.push_back(std::move(variable));
  });
  map.String("installHint", exec.install_hint);
  map.Bool("provideClusterInfo", exec.provide_cluster_info);
  map.String("interactiveMode", exec.interactive_mode);
  return exec;
}

User ReadUser(const MapReader& map) {
  User user;
  map.String("client-certificate", user.client_certificate);
  map.Data("client-certificate-data", user.client_certificate_data);
  map.String("client-key", user.client_key);
  map.Data("client-key-data", user.client_key_data);
  map.String("token", user.token);
  map.String("tokenFile", user.token_file);
  map.String("username", user.username);
  map.String("password", user.password);
  map.String("as", user.as);
  map.String("as-uid", user.as_uid);
  map.Strings("as-groups", user.as_groups);
  user.has_as_user_extra = map.Map("as-user-extra").exists();
  if (const MapReader provider = map.Map("auth-provider"); provider.exists()) {
    provider.String("name", user.auth_provider.emplace());
  }
  if (const MapReader exec = map.Map("exec"); exec.exists()) user.exec = ReadExec(exec);
  return user;
}

Context ReadContext(const MapReader& map) {
  Context context;
  map.String("cluster", context.cluster);
  map.String("user", context.user);
  map.String("namespace", context.name_space);
  return context;
}

/// Reads the list "KEYs" of {name: ..., KEY: {...}}.
template <class Entry>
void ReadEntries(const MapReader& root, const std::string& key, Entry (*read)(const MapReader&),
                 std::map<std::string, Entry>& entries) {
  root.List(key + "s", [&](const MapReader& item) {
    std::string name;
    item.String("name", name);
    Entry entry = read(item.Map(key));
    entry.origin = item.document();
    if (!entries.emplace(name, std::move(entry)).second) {
      item.Fault("name", fmt::format("'{}' is there twice", Printable(name)));
    }
  });
}

/// Of other kinds and versions nothing would be known, and all of it ignored.
void CheckKind(const MapReader& root) {
  std::string version = "v1";
  std::string kind = "Config";
  root.String("apiVersion", version);
  root.String("kind", kind);
  if (!version.empty() && version != "v1") {
    root.Fault("apiVersion", fmt::format("expected v1, found '{}'", Printable(version)));
  }
  if (!kind.empty() && kind != "Config") {
    root.Fault("kind", fmt::format("expected Config, found '{}'", Printable(kind)));
  }
}

}  // namespace

Result<Kubeconfig> ParseKubeconfig(const std::string& text, const std::string& file) {
  if (text.size() > kMaxKubeconfigBytes) {
    return Fail(Code::kResourceExhausted,
                fmt::format("{}: more than {} bytes", file, kMaxKubeconfigBytes));
  }
  Result<Node> document = ParseDocument(text, file);
  if (!document) return Propagate(document.error());
  DocumentReading reading{file, {}};
  const MapReader root(reading, &*document, "");
  Kubeconfig config;
  CheckKind(root);
  ReadEntries(root, "cluster", ReadCluster, config.clusters);
  ReadEntries(root, "user", ReadUser, config.users);
  ReadEntries(root, "context", ReadContext, config.contexts);
  root.String("current-context", config.current_context);
  if (Result<void> finished = reading.Finish(); !finished) return Propagate(finished.error());
  return config;
}

}  // namespace nsdebug::kubectl
