#include "agent/authority.h"

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "agent/auth/access_review.h"
#include "agent/auth/client_certificate.h"
#include "agent/auth/static_tokens.h"
#include "agent/auth/token_review.h"
#include "base/log.h"

namespace nsdebug {

namespace {

class ClusterAuthority final : public Authority {
 public:
  ClusterAuthority(std::unique_ptr<ApiServer> api_server, const AuthConfig& config)
      : api_server_(std::move(api_server)),
        client_ca_(MakeClientCa(*api_server_, config)),
        certificates_(*client_ca_),
        tokens_(*api_server_, {config.audiences, config.token_ttl}),
        authentication_({certificates_, tokens_}),
        authorizer_(*api_server_, {config.allowed_ttl, config.denied_ttl}) {}

  Authenticator* authenticator() override { return &authentication_; }
  Authorizer* authorizer() override { return &authorizer_; }

  Result<void> CheckReady() override {
    // Everybody may ask this.
    Result<std::string> version = api_server_->Get("/version");
    if (!version) return Propagate(std::move(version.error()));
    Result<CertificatePool> pool = client_ca_->Pool();
    if (!pool) return Propagate(std::move(pool.error()));
    ReportClientCa();
    return {};
  }

 private:
  /// The last good authorities do for long, and so the agent is ready; but not for ever.
  void ReportClientCa() {
    const std::optional<Error> error = client_ca_->last_error();
    std::string message = error ? error->message : "";
    const std::scoped_lock lock(mutex_);
    if (message == reported_) return;
    if (error) {
      Log(LogLevel::kWarning, "the old client authorities stay", {{"error", message}});
    } else {
      Log(LogLevel::kInfo, "client authorities read again");
    }
    reported_ = std::move(message);
  }

  static std::unique_ptr<ClientCa> MakeClientCa(ApiServer& api_server, const AuthConfig& config) {
    if (config.client_ca_file.empty()) return std::make_unique<ClientCaConfigMap>(api_server);
    return std::make_unique<ClientCaFile>(config.client_ca_file);
  }

  const std::unique_ptr<ApiServer> api_server_;
  const std::unique_ptr<ClientCa> client_ca_;
  ClientCertificate certificates_;
  TokenReview tokens_;
  Authentication authentication_;
  AccessReview authorizer_;
  std::mutex mutex_;
  std::string reported_;  // guarded by mutex_
};

class FileAuthority final : public Authority {
 public:
  explicit FileAuthority(const std::string& path) : tokens_(path) {}

  Authenticator* authenticator() override { return &tokens_; }
  Authorizer* authorizer() override { return &tokens_; }
  Result<void> CheckReady() override { return tokens_.Check(); }

 private:
  StaticTokens tokens_;
};

}  // namespace

Result<std::unique_ptr<Authority>> MakeAuthority(const Config& config) {
  if (config.standalone) {
    std::unique_ptr<Authority> authority =
        std::make_unique<FileAuthority>(config.auth.static_tokens_file);
    if (Result<void> checked = authority->CheckReady(); !checked) {
      return Propagate(std::move(checked.error()));
    }
    return authority;
  }
  Result<std::unique_ptr<ApiServer>> api_server = ApiServer::Create(config.auth.api_server);
  if (!api_server) return Propagate(std::move(api_server.error()));
  return std::make_unique<ClusterAuthority>(std::move(*api_server), config.auth);
}

}  // namespace nsdebug
