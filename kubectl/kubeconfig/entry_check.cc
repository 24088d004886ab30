#include "kubectl/kubeconfig/entry_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "kubectl/kubeconfig/exec_credential.h"

namespace nsdebug::kubectl {

namespace {

constexpr size_t kMaxLabelBytes = 63;

/// "scheme" of "scheme://host...", lower-case; empty when there is no host.
std::string SchemeOf(std::string_view url) {
  const size_t end = url.find("://");
  if (end == std::string_view::npos || end + 3 == url.size() || url[end + 3] == '/') return {};
  std::string scheme(url.substr(0, end));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return scheme;
}

bool IsWord(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

/// One list of faults about one entry.
class FaultList {
 public:
  FaultList(std::string_view kind, std::string_view name)
      : prefix_(fmt::format("{} '{}': ", kind, Printable(name))) {}

  void AddIf(bool is_fault, std::string_view fault) {
    if (is_fault) faults_.push_back(prefix_ + std::string(fault));
  }
  void Append(std::vector<std::string> faults) {
    faults_.insert(faults_.end(), faults.begin(), faults.end());
  }
  std::vector<std::string> Take() { return std::move(faults_); }

 private:
  std::string prefix_;
  std::vector<std::string> faults_;
};

std::string AuthProviderFault(const User& user) {
  const std::string& name = *user.auth_provider;
  const std::string_view what =
      name == "gcp" || name == "azure"
          ? "kubectl itself dropped it in 1.26"
          : "it renews tokens by rewriting the kubeconfig, which this plugin never does";
  return fmt::format(
      "auth-provider '{}' is not supported, {}: use a credential plugin (exec) instead, such as "
      "kubelogin for oidc, gke-gcloud-auth-plugin or kubelogin for azure",
      Printable(name), what);
}

}  // namespace

const std::string_view kNoImpersonation =
    "impersonation is not supported: the agent on the node checks the credential that it is shown, "
    "and none says that its owner may act as somebody else; use a credential of that user";

std::vector<std::string> FaultsOf(const Cluster& cluster, std::string_view name) {
  FaultList faults("cluster", name);
  const std::string scheme = SchemeOf(cluster.server);
  faults.AddIf(cluster.server.empty(), "it has no server");
  faults.AddIf(!cluster.server.empty() &&
                   ((scheme != "https" && scheme != "http") || !IsWord(cluster.server)),
               "server is not https://HOST[:PORT][/PATH] (or http)");
  if (!cluster.proxy_url.empty()) {
    const std::string proxy = SchemeOf(cluster.proxy_url);
    // The URL itself can have a password in it.
    faults.AddIf(
        (proxy != "http" && proxy != "https" && proxy != "socks5") || !IsWord(cluster.proxy_url),
        "proxy-url is not a URL of scheme http, https or socks5");
  }
  faults.AddIf(
      !cluster.certificate_authority.empty() && !cluster.certificate_authority_data.empty(),
      "certificate-authority and certificate-authority-data exclude each other");
  faults.AddIf(cluster.insecure_skip_tls_verify && (!cluster.certificate_authority.empty() ||
                                                    !cluster.certificate_authority_data.empty()),
               "a certificate authority and insecure-skip-tls-verify exclude each other");
  return faults.Take();
}

std::vector<std::string> FaultsOf(const User& user, std::string_view name) {
  FaultList faults("user", name);
  const bool has_basic = !user.username.empty() || !user.password.empty();
  const bool has_token = !user.token.empty() || !user.token_file.empty();
  const bool has_key = !user.client_key.empty() || !user.client_key_data.empty();
  const bool has_certificate =
      !user.client_certificate.empty() || !user.client_certificate_data.empty();
  faults.AddIf(!user.token.empty() && has_basic, "token and username/password exclude each other");
  faults.AddIf(!user.client_certificate.empty() && !user.client_certificate_data.empty(),
               "client-certificate and client-certificate-data exclude each other");
  faults.AddIf(has_certificate && !user.client_key.empty() && !user.client_key_data.empty(),
               "client-key and client-key-data exclude each other");
  faults.AddIf(has_certificate && !has_key,
               "a client certificate needs client-key or client-key-data");
  if (user.exec) {
    faults.AddIf(user.auth_provider.has_value(), "exec and auth-provider exclude each other");
    faults.Append(FaultsOf(*user.exec, name));
  } else if (user.auth_provider && !has_token) {
    faults.AddIf(true, AuthProviderFault(user));
  }
  faults.AddIf(!user.as.empty(), kNoImpersonation);
  faults.AddIf(user.as.empty() &&
                   (!user.as_uid.empty() || !user.as_groups.empty() || user.has_as_user_extra),
               "as-uid, as-groups and as-user-extra need as");
  return faults.Take();
}

bool IsNamespaceName(std::string_view text) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= kMaxLabelBytes && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [&](char c) {
           return c == '-' || is_alphanumeric(c);
         });
}

}  // namespace nsdebug::kubectl
