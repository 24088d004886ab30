#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "agent/auth/reloaded_file.h"
#include "base/error.h"

struct ssl_ctx_st;

namespace nsdebug {

/// What the TLS listener presents: read again when its files change, for new connections; the old
/// ones keep what they have. Any thread.
///
/// A client certificate is asked for and not verified here: that TLS proves its key is all that is
/// wanted of TLS, and whether to believe it, kubelet too asks per request, of a CA that may change.
class TlsCertificate {
 public:
  /// kNotFound, kInvalidArgument: says which file and why.
  static Result<std::unique_ptr<TlsCertificate>> Load(std::string certificate_file,
                                                      std::string key_file);

  /// The context for a connection that is accepted now.
  std::shared_ptr<ssl_ctx_st> Current();

  /// Why the changed files could not be used, once for each reason; empty otherwise.
  std::string TakeWarning();

  /// Until when the certificate is valid.
  std::chrono::system_clock::time_point not_after() const;

 private:
  TlsCertificate(std::string certificate_file, std::string key_file)
      : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

  using Stamps = std::pair<std::optional<FileStamp>, std::optional<FileStamp>>;

  Stamps Signature() const;
  Result<void> Reload();

  const std::string certificate_file_;
  const std::string key_file_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;              // guarded by mutex_
  Stamps signature_;                                 // of context_; guarded by mutex_
  std::string fault_;                                // of the last try; guarded by mutex_
  std::chrono::steady_clock::time_point looked_;     // guarded by mutex_
  std::chrono::system_clock::time_point not_after_;  // guarded by mutex_
  std::string warning_;                              // guarded by mutex_
};

}  // namespace nsdebug
