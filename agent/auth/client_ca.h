#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "agent/auth/api_server.h"
#include "agent/auth/reloaded_file.h"
#include "base/error.h"

struct x509_store_st;

namespace nsdebug {

/// The CAs that sign client certificates: OpenSSL's X509_STORE. Shared by the source, which
/// replaces it, and by the verifications that are under way with it. nullptr: the cluster has none.
using CertificatePool = std::shared_ptr<x509_store_st>;

/// Far more than a cluster that rotates its CA has.
inline constexpr size_t kMaxClientCas = 64;
inline constexpr size_t kMaxClientCaBytes = size_t{1} << 20;
/// How often the ConfigMap is read: a CA is rotated by adding the new one long before it is used.
inline constexpr std::chrono::milliseconds kClientCaInterval{60'000};
/// The same until it was read once: the API server may start after the agent.
inline constexpr std::chrono::milliseconds kFirstClientCaInterval{2'000};

/// kInvalidArgument: not PEM, or no certificate, or too many in it.
Result<CertificatePool> ParseCertificatePool(std::string_view pem);

/// Where the pool comes from. Any thread may call.
class ClientCa {
 public:
  virtual ~ClientCa() = default;

  /// The last good pool. kUnavailable: there was none yet.
  virtual Result<CertificatePool> Pool() = 0;

  /// Why the last reading failed, and a pool that was good goes on being used; nullopt when it did
  /// not. For the log.
  virtual std::optional<Error> last_error() const = 0;
};

/// A file, read again when it changed.
class ClientCaFile : public ClientCa {
 public:
  explicit ClientCaFile(const std::string& path,
                        std::chrono::milliseconds check_interval = kFileCheckInterval);

  Result<CertificatePool> Pool() override;
  std::optional<Error> last_error() const override;

 private:
  ReloadedFile<CertificatePool> file_;
};

/// Key client-ca-file of ConfigMap kube-system/extension-apiserver-authentication, where the
/// kube-apiserver publishes its own --client-ca-file. Read by a thread of its own, so that no
/// caller waits for it.
class ClientCaConfigMap : public ClientCa {
 public:
  struct Intervals {
    std::chrono::milliseconds usual = kClientCaInterval;
    std::chrono::milliseconds until_first = kFirstClientCaInterval;
  };

  /// `api_server` outlives this.
  explicit ClientCaConfigMap(ApiServer& api_server, Intervals intervals);
  explicit ClientCaConfigMap(ApiServer& api_server) : ClientCaConfigMap(api_server, Intervals{}) {}
  /// Waits for a call that is under way: at most the API server's call_timeout.
  ~ClientCaConfigMap() override;
  ClientCaConfigMap(const ClientCaConfigMap&) = delete;
  ClientCaConfigMap& operator=(const ClientCaConfigMap&) = delete;

  /// As Pool of the base; nullptr when the ConfigMap or the key is not there: no certificate is
  /// good.
  Result<CertificatePool> Pool() override;

  std::optional<Error> last_error() const override;

 private:
  void Run();
  void Store(Result<CertificatePool> read);

  ApiServer& api_server_;
  const Intervals intervals_;
  mutable std::mutex mutex_;
  std::condition_variable is_stopping_changed_;
  bool is_stopping_ = false;         // guarded by mutex_
  Result<CertificatePool> pool_;     // guarded by mutex_
  std::optional<Error> last_error_;  // guarded by mutex_
  std::thread reader_;               // last: it uses the members above
};

}  // namespace nsdebug
