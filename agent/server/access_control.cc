#include "agent/server/access_control.h"

#include <optional>
#include <utility>

namespace nsdebug {

namespace {

using Found = std::optional<Identity>;

}  // namespace

asio::awaitable<Result<Identity>> AccessControl::Authenticate(
    const Credentials& credentials) const {
  Result<std::optional<Result<Found>>> known =
      co_await here_->Run([&]() -> Result<std::optional<Result<Found>>> {
        return authenticator_->AuthenticateHere(credentials);
      });
  if (!known) co_return Propagate(std::move(known.error()));
  if (!*known) {
    Result<Found> asked =
        co_await api_server_->Run([&] { return authenticator_->Authenticate(credentials); });
    known->emplace(std::move(asked));
  }
  Result<Found>& identity = **known;
  if (!identity) co_return Propagate(std::move(identity.error()));
  if (!*identity || (*identity)->user.empty()) {
    co_return Fail(Code::kUnauthenticated, "send a client certificate or a bearer token");
  }
  co_return std::move(**identity);
}

asio::awaitable<Result<void>> AccessControl::Authorize(const Identity& identity,
                                                       const Attributes& attributes) const {
  Result<std::optional<Result<void>>> known =
      co_await here_->Run([&]() -> Result<std::optional<Result<void>>> {
        return authorizer_->AuthorizeHere(identity, attributes);
      });
  if (!known) co_return Propagate(std::move(known.error()));
  if (*known) co_return std::move(**known);
  co_return co_await api_server_->Run([&] { return authorizer_->Authorize(identity, attributes); });
}

}  // namespace nsdebug
