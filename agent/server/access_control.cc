#include "agent/server/access_control.h"

#include <optional>
#include <utility>

namespace nsdebug {

namespace {

using Found = std::optional<Identity>;

}  // namespace

asio::awaitable<Result<Identity>> AccessControl::Authenticate(
    const Credentials& credentials) const {
  std::optional<Result<Found>> known = authenticator_->AuthenticateHere(credentials);
  if (!known) {
    Result<Found> asked =
        co_await api_server_->Run([&] { return authenticator_->Authenticate(credentials); });
    known.emplace(std::move(asked));
  }
  Result<Found>& identity = *known;
  if (!identity) co_return Propagate(std::move(identity.error()));
  if (!*identity || (*identity)->user.empty()) {
    co_return Fail(Code::kUnauthenticated, "send a client certificate or a bearer token");
  }
  co_return std::move(**identity);
}

asio::awaitable<Result<void>> AccessControl::Authorize(const Identity& identity,
                                                       const Attributes& attributes) const {
  std::optional<Result<void>> known = authorizer_->AuthorizeHere(identity, attributes);
  if (known) co_return *std::move(known);
  co_return co_await api_server_->Run([&] { return authorizer_->Authorize(identity, attributes); });
}

}  // namespace nsdebug
