#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "agent/auth/tls_connection.h"
#include "base/error.h"

namespace nsdebug {

/// Of an answer, its head included. The largest is the ConfigMap of CAs, and etcd takes 1.5 MiB.
inline constexpr size_t kMaxApiAnswerBytes = size_t{2} << 20;

struct ApiRequest {
  std::string method;
  std::string target;     ///< the path, as it is sent
  std::string authority;  ///< for the Host header
  std::string token;      ///< never printed
  std::string json_body;  ///< empty: none
};

struct ApiAnswer {
  int status = 0;
  std::string body;
};

/// One request and its answer, bounded in time and size. `connection` is empty afterwards unless
/// another request may follow on it: nobody may read the rest of another's answer.
///
/// nullopt: the peer closed the connection before it sent a byte. kDeadlineExceeded; kUnavailable:
/// broken off; kInternal: not HTTP, or longer than kMaxApiAnswerBytes.
Result<std::optional<ApiAnswer>> ExchangeOn(std::unique_ptr<TlsConnection>& connection,
                                            const ApiRequest& request,
                                            TlsConnection::Clock::time_point deadline);

}  // namespace nsdebug
