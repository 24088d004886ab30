#pragma once

#include <chrono>
#include <string>

#include "agent/config/config.h"
#include "base/error.h"

namespace nsdebug {

/// What an agent without Kubernetes makes for itself, in Config::state_directory.

inline constexpr std::chrono::hours kCertificateLifetime{24 * 365};
/// A certificate with less than this is made anew when the agent starts. Clients pin its
/// fingerprint, so it does not change before it must.
inline constexpr std::chrono::hours kCertificateLeast{24 * 30};
inline constexpr size_t kTokenBytes = 32;  ///< 256 bits, of the kernel

struct StandaloneFiles {
  std::string certificate_file;
  std::string key_file;
  std::string tokens_file;  ///< Config::auth.static_tokens_file when that is set
  /// The administrator's token when it was made just now, to be shown once; else empty. Never
  /// logged.
  std::string new_token;
  bool is_new_certificate = false;
  /// SHA-256 of the certificate, "AB:CD:...", as openssl x509 -fingerprint prints it.
  std::string fingerprint;
};

/// Makes what is missing or about to expire and leaves the rest alone. Refuses a directory that
/// somebody else could write to, and follows no symbolic link in its last component; each file is
/// there whole or not at all. `now` decides about the certificate.
Result<StandaloneFiles> PrepareStandalone(
    const Config& config,
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

}  // namespace nsdebug
