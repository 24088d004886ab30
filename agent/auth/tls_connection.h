#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>

#include "agent/auth/api_endpoint.h"
#include "base/error.h"
#include "base/unique_fd.h"

struct ssl_ctx_st;
struct ssl_st;

namespace nsdebug {

/// OpenSSL's SSL_CTX. Shared by the configuration that made it and by the connections that it is
/// compared with: a new CA must not lose an SSL_CTX under a handshake.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// A client's context: TLS 1.2 or newer, and only certificates of these CAs. kInvalidArgument: not
/// PEM, or no certificate in it.
Result<TlsContext> MakeTlsContext(const std::string& ca_pem);

/// A TLS client connection whose every step ends by a deadline. One thread at a time.
class TlsConnection {
 public:
  using Clock = std::chrono::steady_clock;

  /// Connects to the first address of the host that answers and proves by certificate that it is
  /// that host. kUnavailable, kDeadlineExceeded.
  static Result<std::unique_ptr<TlsConnection>> Open(const ApiEndpoint& endpoint,
                                                     const TlsContext& context,
                                                     Clock::time_point deadline);
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  const TlsContext& context() const { return context_; }

  /// Between two requests: whether the peer neither closed the connection nor sent anything.
  bool IsQuiet();

  /// Bytes read or written, 0 at the end of the stream, -1 at the deadline or for a broken
  /// connection; has_expired() tells which.
  ssize_t Read(char* data, size_t size, Clock::time_point deadline);
  ssize_t Write(const char* data, size_t size, Clock::time_point deadline);
  bool has_expired() const { return has_expired_; }

  int fd() const { return socket_.get(); }

 private:
  TlsConnection(UniqueFd socket, TlsContext context)
      : socket_(std::move(socket)), context_(std::move(context)) {}

  Result<void> Handshake(const ApiEndpoint& endpoint, Clock::time_point deadline);
  // Waits for what OpenSSL wants after a call that returned `result`; false: it failed for good.
  bool WaitAfter(int result, Clock::time_point deadline);

  UniqueFd socket_;
  TlsContext context_;
  ssl_st* ssl_ = nullptr;  // owned
  bool has_expired_ = false;
};

}  // namespace nsdebug
