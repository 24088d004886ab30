#pragma once

#include <optional>
#include <string>

#include "agent/auth/identity.h"
#include "base/error.h"

namespace nsdebug {

/// Decides whether an identity may do something. Any thread may call, several at a time.
class Authorizer {
 public:
  virtual ~Authorizer() = default;

  /// Blocks. Success means allowed. kPermissionDenied names what is missing (verb, resource, name
  /// and namespace) and who lacks it; kUnavailable, kDeadlineExceeded: could not be found out,
  /// which is never a yes.
  virtual Result<void> Authorize(const Identity& identity, const Attributes& attributes) = 0;

  /// What Authorize() says when that takes no call of an API server. nullopt: it takes one.
  virtual std::optional<Result<void>> AuthorizeHere(const Identity& identity,
                                                    const Attributes& attributes) = 0;
};

}  // namespace nsdebug
