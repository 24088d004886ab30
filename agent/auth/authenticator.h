#pragma once

#include <optional>

#include "agent/auth/identity.h"
#include "base/error.h"

namespace nsdebug {

/// One way to find out who a caller is. Any thread may call, several at a time.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  /// Blocks. nullopt: no credential of this kind, ask the next authenticator. kUnauthenticated:
  /// there is one and it is not good. kUnavailable, kDeadlineExceeded: could not be found out,
  /// which is never a yes.
  virtual Result<std::optional<Identity>> Authenticate(const Credentials& credentials) = 0;

  /// What Authenticate() says when that takes no call of an API server: it is known already, or
  /// found on this node. nullopt: it takes one.
  virtual std::optional<Result<std::optional<Identity>>> AuthenticateHere(
      const Credentials& credentials) = 0;
};

}  // namespace nsdebug
