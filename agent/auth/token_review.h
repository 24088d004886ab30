#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "agent/auth/api_server.h"
#include "agent/auth/authenticator.h"
#include "agent/auth/expiring_cache.h"
#include "agent/auth/keyed_digest.h"

namespace nsdebug {

/// Tokens whose answers are kept: more than a node has callers in two minutes, a few MiB at most.
inline constexpr size_t kMaxCachedTokens = 1'024;
/// How long "not authenticated" holds: a client that repeats a bad token must not become a flood at
/// the API server, and a token that was just made good must not wait long.
inline constexpr std::chrono::milliseconds kRefusedTokenTtl{10'000};

/// Bearer tokens, by asking the API server: TokenReview of authentication.k8s.io/v1.
class TokenReview : public Authenticator {
 public:
  struct Options {
    std::vector<std::string> audiences;  ///< one of them must be the token's; empty: the server's
    std::chrono::milliseconds token_ttl{120'000};
    size_t max_cached_tokens = kMaxCachedTokens;
  };
  /// What is kept of a token: who it is, or why it is nobody.
  struct Verdict {
    bool is_authenticated = false;
    Identity identity;
    std::string reason;
  };
  using Cache = ExpiringCache<Verdict>;

  /// `api_server` outlives this. `now` is for tests.
  TokenReview(ApiServer& api_server, Options options, Cache::Now now = Cache::Clock::now);

  Result<std::optional<Identity>> Authenticate(const Credentials& credentials) override;
  std::optional<Result<std::optional<Identity>>> AuthenticateHere(
      const Credentials& credentials) override;

 private:
  static Result<std::optional<Identity>> OfVerdict(Verdict verdict);
  Result<Cache::Answer> Ask(const std::string& token);

  ApiServer& api_server_;
  const Options options_;
  const KeyedDigest digest_;
  Cache cache_;
};

}  // namespace nsdebug
