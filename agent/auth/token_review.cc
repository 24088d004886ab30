#include "agent/auth/token_review.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/auth/bearer.h"
#include "agent/auth/denial.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr char kPath[] = "/apis/authentication.k8s.io/v1/tokenreviews";
// Of a token, enough to know it again in a text.
constexpr size_t kTellingBytes = 24;
constexpr char kOperation[] = "review the bearer token";

std::string RequestFor(const std::string& token, const std::vector<std::string>& audiences) {
  json spec = {{"token", token}};
  if (!audiences.empty()) spec["audiences"] = audiences;
  return json{{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"spec", spec}}
      .dump();
}

// A field that may be missing or null, which Go's encoders write for an empty list or map. Throws
// when it is of another type.
template <class T>
T ValueOr(const json& object, const char* key, T missing) {
  auto field = object.find(key);
  return field == object.end() || field->is_null() ? std::move(missing) : field->get<T>();
}

Identity IdentityOf(const json& user) {
  return {.user = ValueOr<std::string>(user, "username", ""),
          .uid = ValueOr<std::string>(user, "uid", ""),
          .groups = ValueOr<std::vector<std::string>>(user, "groups", {}),
          .extra = ValueOr<std::map<std::string, std::vector<std::string>>>(user, "extra", {})};
}

// A server that knows no audiences returns none: the token is good for the server itself, and that
// is not what was asked.
bool IsForOneOf(const std::vector<std::string>& wanted, const std::vector<std::string>& got) {
  return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&got](const auto& audience) {
           return std::find(got.begin(), got.end(), audience) != got.end();
         });
}

// Authenticators behind the API server write these texts, and one may repeat what it was given. The
// first bytes are enough: the text may be cut.
bool Has(std::string_view text, std::string_view token) {
  return text.find(token.substr(0, kTellingBytes)) != std::string_view::npos;
}

// Throws json::exception when the answer is not a TokenReview.
Result<TokenReview::Verdict> ReadAnswer(const std::string& body,
                                        const std::vector<std::string>& audiences) {
  json answer = json::parse(body);
  const json& status = answer.at("status");
  // "authenticated" is left out when it is false, so the status of an error must not pass for one.
  if (!status.is_object()) return Fail(Code::kInternal, "the API server's answer has no status");
  TokenReview::Verdict verdict;
  if (!ValueOr(status, "authenticated", false)) {
    verdict.reason = ValueOr<std::string>(status, "error", "");
    // Kept for a while: a text that a stranger could make long.
    verdict.reason.resize(std::min(verdict.reason.size(), kMaxReasonBytes + 1));
    return verdict;
  }
  if (!IsForOneOf(audiences, ValueOr<std::vector<std::string>>(status, "audiences", {}))) {
    verdict.reason = "it is not for this agent's audiences";
    return verdict;
  }
  verdict.identity = IdentityOf(status.at("user"));
  if (verdict.identity.user.empty()) {
    return Fail(Code::kInternal, "the API server authenticated a user without a name");
  }
  AddAuthenticatedGroup(verdict.identity);
  verdict.is_authenticated = true;
  return verdict;
}

}  // namespace

TokenReview::TokenReview(ApiServer& api_server, Options options, Cache::Now now)
    : api_server_(api_server),
      options_(std::move(options)),
      cache_(options_.max_cached_tokens, std::move(now)) {}

Result<std::optional<Identity>> TokenReview::Authenticate(const Credentials& credentials) {
  const std::string& token = credentials.bearer_token;
  if (token.empty()) return std::nullopt;
  if (!IsTokenText(token)) {
    return Fail(Code::kUnauthenticated,
                "bearer token: not one token of visible ASCII characters, or too long");
  }
  Result<std::string> key = digest_.Of(token);
  if (!key) return Propagate(key.error(), kOperation);
  Result<Verdict> verdict =
      cache_.Get(*key, api_server_.call_timeout(), [&] { return Ask(token); });
  if (!verdict) return Propagate(ReviewFailed(verdict.error()).value(), kOperation);
  return OfVerdict(*std::move(verdict));
}

std::optional<Result<std::optional<Identity>>> TokenReview::AuthenticateHere(
    const Credentials& credentials) {
  const std::string& token = credentials.bearer_token;
  // Those take no question.
  if (token.empty() || !IsTokenText(token)) return Authenticate(credentials);
  Result<std::string> key = digest_.Of(token);
  if (!key) return std::nullopt;
  std::optional<Verdict> kept = cache_.Kept(*key);
  if (!kept) return std::nullopt;
  return OfVerdict(*std::move(kept));
}

Result<std::optional<Identity>> TokenReview::OfVerdict(Verdict verdict) {
  if (!verdict.is_authenticated) {
    return Fail(Code::kUnauthenticated,
                WithReason("bearer token: the API server does not accept it", verdict.reason));
  }
  return std::move(verdict.identity);
}

Result<TokenReview::Cache::Answer> TokenReview::Ask(const std::string& token) {
  Result<std::string> body = api_server_.Post(kPath, RequestFor(token, options_.audiences));
  if (!body) {
    Error error = body.error();
    if (Has(error.message, token)) error.message = "the API server refused the review";
    return Failure(std::move(error));
  }
  try {
    Result<Verdict> verdict = ReadAnswer(*body, options_.audiences);
    if (!verdict) return Propagate(verdict.error());
    if (Has(verdict->reason, token)) verdict->reason.clear();
    auto time_to_live = verdict->is_authenticated ? options_.token_ttl : kRefusedTokenTtl;
    return Cache::Answer{*std::move(verdict), time_to_live};
  } catch (const std::exception&) {
    // What the exception says may be a part of the answer, which repeats the token.
    return Fail(Code::kInternal, "the API server's answer is not a TokenReview");
  }
}

}  // namespace nsdebug
