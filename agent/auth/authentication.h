#pragma once

#include <functional>
#include <vector>

#include "agent/auth/authenticator.h"

namespace nsdebug {

/// Several ways to find out who a caller is, in order: certificates before tokens. The first that
/// succeeds decides, so a bad certificate does not spoil a good token.
class Authentication : public Authenticator {
 public:
  /// They outlive this.
  explicit Authentication(std::vector<std::reference_wrapper<Authenticator>> in_order)
      : in_order_(std::move(in_order)) {}

  /// Never nullopt: kUnauthenticated when no authenticator knew the caller, with what each of them
  /// said. When one of them could not find out, its code, since another try may succeed.
  Result<std::optional<Identity>> Authenticate(const Credentials& credentials) override;
  std::optional<Result<std::optional<Identity>>> AuthenticateHere(
      const Credentials& credentials) override;

 private:
  const std::vector<std::reference_wrapper<Authenticator>> in_order_;
};

}  // namespace nsdebug
