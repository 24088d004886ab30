#pragma once

#include <memory>

#include "agent/auth/api_server.h"
#include "agent/auth/authentication.h"
#include "agent/auth/authorizer.h"
#include "agent/auth/client_ca.h"
#include "agent/config/config.h"
#include "base/error.h"

namespace nsdebug {

/// Who decides about callers: the cluster's API server, or on a node without one a file of tokens.
class Authority {
 public:
  virtual ~Authority() = default;

  virtual Authenticator* authenticator() = 0;
  virtual Authorizer* authorizer() = 0;

  /// Whether it could decide now. Blocks.
  virtual Result<void> CheckReady() = 0;
};

Result<std::unique_ptr<Authority>> MakeAuthority(const Config& config);

}  // namespace nsdebug
