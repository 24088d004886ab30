#include "agent/auth/authentication.h"

#include <utility>

namespace nsdebug {

namespace {

/// What those said that did not know the caller.
class Refusals {
 public:
  void Add(Error error) {
    if (!collected_) {
      collected_ = std::move(error);
      return;
    }
    collected_->message += "; " + error.message;
    if (collected_->code == Code::kUnauthenticated) collected_->code = error.code;
  }

  Failure Take() {
    if (collected_) return Failure(*std::move(collected_));
    return Fail(Code::kUnauthenticated,
                "nobody is authenticated: send a client certificate or a bearer token");
  }

 private:
  std::optional<Error> collected_;
};

}  // namespace

Result<std::optional<Identity>> Authentication::Authenticate(const Credentials& credentials) {
  Refusals refusals;
  for (Authenticator& authenticator : in_order_) {
    Result<std::optional<Identity>> identity = authenticator.Authenticate(credentials);
    if (identity && *identity) return identity;
    if (!identity) refusals.Add(std::move(identity.error()));
  }
  return refusals.Take();
}

std::optional<Result<std::optional<Identity>>> Authentication::AuthenticateHere(
    const Credentials& credentials) {
  Refusals refusals;
  for (Authenticator& authenticator : in_order_) {
    auto identity = authenticator.AuthenticateHere(credentials);
    // Those behind it count only when this one does not know the caller.
    if (!identity) return std::nullopt;
    if (*identity && **identity) return identity;
    if (!*identity) refusals.Add(std::move(identity->error()));
  }
  return refusals.Take();
}

}  // namespace nsdebug
