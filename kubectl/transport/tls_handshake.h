#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "kubectl/transport/byte_stream.h"

namespace nsdebug::kubectl {

/// How to verify a server, and what to show it.
struct TlsOptions {
  std::string server_name;      ///< in the certificate, and asked for by SNI
  std::string ca_pem;           ///< empty: what the system trusts
  bool insecure = false;        ///< verify nothing
  std::string certificate_pem;  ///< the client's own, with its chain; empty: none
  std::string key_pem;          ///< never printed
};

/// TLS 1.2 or later, as a client, on top of `stream`. kInvalidArgument: the options' PEM is not
/// good, or the server's certificate is not, with the reason; kFailedPrecondition, with what the
/// layer below has told; kUnavailable; kDeadlineExceeded.
asio::awaitable<Result<std::unique_ptr<ByteStream>>> StartTls(std::unique_ptr<ByteStream> stream,
                                                              TlsOptions options,
                                                              std::chrono::milliseconds timeout);

}  // namespace nsdebug::kubectl
