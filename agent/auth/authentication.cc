#include "agent/auth/authentication.h"

#include <utility>

namespace nsdebug {

Result<std::optional<Identity>> Authentication::Authenticate(const Credentials& credentials) {
  std::optional<Error> collected;
  for (Authenticator& authenticator : in_order_) {
    Result<std::optional<Identity>> identity = authenticator.Authenticate(credentials);
    if (identity && *identity) return identity;
    if (identity) continue;
    if (!collected) {
      collected = identity.error();
      continue;
    }
    collected->message += "; " + identity.error().message;
    if (collected->code == Code::kUnauthenticated) collected->code = identity.error().code;
  }
  if (collected) return Failure(*std::move(collected));
  return Fail(Code::kUnauthenticated,
              "nobody is authenticated: send a client certificate or a bearer token");
}

}  // namespace nsdebug
