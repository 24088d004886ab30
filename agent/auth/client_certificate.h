#pragma once

#include <cstddef>

#include "agent/auth/authenticator.h"
#include "agent/auth/client_ca.h"

namespace nsdebug {

/// A client's own certificate and the intermediate ones that it sends. Go's and OpenSSL's own
/// limits are far higher; real chains have two or three.
inline constexpr size_t kMaxChainCertificates = 8;
/// Of one certificate. One with hundreds of groups has a few KiB.
inline constexpr size_t kMaxCertificateBytes = size_t{16} << 10;

/// Client certificates as the kube-apiserver reads them: CN is the user, each O a group. Stricter
/// in one thing: the certificate must say that it is for client authentication, since no client
/// needs one that does not.
class ClientCertificate : public Authenticator {
 public:
  /// `client_ca` outlives this.
  explicit ClientCertificate(ClientCa& client_ca) : client_ca_(client_ca) {}

  Result<std::optional<Identity>> Authenticate(const Credentials& credentials) override;
  std::optional<Result<std::optional<Identity>>> AuthenticateHere(
      const Credentials& credentials) override {
    return Authenticate(credentials);
  }

 private:
  ClientCa& client_ca_;
};

}  // namespace nsdebug
