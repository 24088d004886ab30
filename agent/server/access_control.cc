#include "agent/server/access_control.h"

#include <optional>
#include <utility>

namespace nsdebug {

asio::awaitable<Result<Identity>> AccessControl::Authenticate(
    const Credentials& credentials) const {
  Result<std::optional<Identity>> identity =
      co_await pool_->Run([&] { return authenticator_->Authenticate(credentials); });
  if (!identity) co_return Propagate(std::move(identity.error()));
  if (!*identity || (*identity)->user.empty()) {
    co_return Fail(Code::kUnauthenticated, "send a client certificate or a bearer token");
  }
  co_return std::move(**identity);
}

asio::awaitable<Result<void>> AccessControl::Authorize(const Identity& identity,
                                                       const Attributes& attributes) const {
  co_return co_await pool_->Run([&] { return authorizer_->Authorize(identity, attributes); });
}

}  // namespace nsdebug
