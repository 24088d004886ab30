#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "agent/auth/api_server.h"
#include "agent/auth/authorizer.h"
#include "agent/auth/expiring_cache.h"
#include "agent/auth/keyed_digest.h"

namespace nsdebug {

/// Decisions that are kept. An entry has about 200 bytes, and at most kMaxReasonBytes more.
inline constexpr size_t kMaxCachedDecisions = 8'192;

/// Asks the API server, whatever authorizers it has: SubjectAccessReview of
/// authorization.k8s.io/v1.
class AccessReview : public Authorizer {
 public:
  struct Options {
    std::chrono::milliseconds allowed_ttl{300'000};
    std::chrono::milliseconds denied_ttl{30'000};
    size_t max_cached_decisions = kMaxCachedDecisions;
  };
  struct Decision {
    bool is_allowed = false;
    std::string reason;  ///< of a denial
  };
  using Cache = ExpiringCache<Decision>;

  /// `api_server` outlives this. `now` is for tests.
  AccessReview(ApiServer& api_server, Options options, Cache::Now now = Cache::Clock::now);

  Result<void> Authorize(const Identity& identity, const Attributes& attributes) override;
  std::optional<Result<void>> AuthorizeHere(const Identity& identity,
                                            const Attributes& attributes) override;

 private:
  Result<Cache::Answer> Ask(const Identity& identity, const Attributes& attributes);

  ApiServer& api_server_;
  const Options options_;
  const KeyedDigest digest_;
  Cache cache_;
};

/// All fields of a question in bytes that no other question has.
std::string EncodeQuestion(const Identity& identity, const Attributes& attributes);

}  // namespace nsdebug
