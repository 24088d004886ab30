#pragma once

#include "agent/asio.h"
#include "agent/auth/authenticator.h"
#include "agent/auth/authorizer.h"
#include "agent/server/blocking_pool.h"

namespace nsdebug {

/// The two questions about every request, asked off the event loop. Those whose answers are known
/// do not wait behind those that the API server has to answer.
class AccessControl {
 public:
  /// They outlive this.
  AccessControl(Authenticator* authenticator, Authorizer* authorizer, BlockingPool* here,
                BlockingPool* api_server)
      : authenticator_(authenticator),
        authorizer_(authorizer),
        here_(here),
        api_server_(api_server) {}

  /// The errors are those of Authenticator; never anonymous.
  asio::awaitable<Result<Identity>> Authenticate(const Credentials& credentials) const;

  /// The errors are those of Authorizer.
  asio::awaitable<Result<void>> Authorize(const Identity& identity,
                                          const Attributes& attributes) const;

 private:
  Authenticator* authenticator_;
  Authorizer* authorizer_;
  BlockingPool* here_;        ///< for what takes no call of the API server
  BlockingPool* api_server_;  ///< for what takes one
};

}  // namespace nsdebug
