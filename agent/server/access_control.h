#pragma once

#include "agent/asio.h"
#include "agent/auth/authenticator.h"
#include "agent/auth/authorizer.h"
#include "agent/server/blocking_pool.h"

namespace nsdebug {

/// The two questions about every request. What is known on this node is answered where it is asked,
/// on the event loop: to look it up takes less than to wake another thread, a signature no more
/// than its TLS handshake did, and a file is looked at once a second. What the API server has to
/// answer is asked off the loop.
class AccessControl {
 public:
  /// They outlive this.
  AccessControl(Authenticator* authenticator, Authorizer* authorizer, BlockingPool* api_server)
      : authenticator_(authenticator), authorizer_(authorizer), api_server_(api_server) {}

  /// The errors are those of Authenticator; never anonymous.
  asio::awaitable<Result<Identity>> Authenticate(const Credentials& credentials) const;

  /// The errors are those of Authorizer.
  asio::awaitable<Result<void>> Authorize(const Identity& identity,
                                          const Attributes& attributes) const;

 private:
  Authenticator* authenticator_;
  Authorizer* authorizer_;
  BlockingPool* api_server_;  ///< for its calls
};

}  // namespace nsdebug
