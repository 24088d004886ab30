#pragma once

#include "agent/asio.h"
#include "agent/auth/authenticator.h"
#include "agent/auth/authorizer.h"
#include "agent/server/blocking_pool.h"

namespace nsdebug {

/// The two questions about every request, asked off the event loop.
class AccessControl {
 public:
  /// They outlive this.
  AccessControl(Authenticator* authenticator, Authorizer* authorizer, BlockingPool* pool)
      : authenticator_(authenticator), authorizer_(authorizer), pool_(pool) {}

  /// The errors are those of Authenticator; never anonymous.
  asio::awaitable<Result<Identity>> Authenticate(const Credentials& credentials) const;

  /// The errors are those of Authorizer.
  asio::awaitable<Result<void>> Authorize(const Identity& identity,
                                          const Attributes& attributes) const;

 private:
  Authenticator* authenticator_;
  Authorizer* authorizer_;
  BlockingPool* pool_;
};

}  // namespace nsdebug
