#include "agent/auth/access_review.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/auth/denial.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr char kPath[] = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
constexpr char kOperation[] = "review the access";

// Throws json::exception for a text that is not UTF-8: it must not be asked about another one.
std::string RequestFor(const Identity& identity, const Attributes& attributes) {
  json resource = {{"verb", attributes.verb},
                   {"group", attributes.group},
                   {"version", attributes.group == kApiGroup ? kApiVersion : "v1"},
                   {"resource", attributes.resource}};
  // An empty one means all, so leaving it out is the same question.
  if (!attributes.subresource.empty()) resource["subresource"] = attributes.subresource;
  if (!attributes.resource_namespace.empty()) resource["namespace"] = attributes.resource_namespace;
  if (!attributes.name.empty()) resource["name"] = attributes.name;
  json spec = {{"user", identity.user}, {"resourceAttributes", std::move(resource)}};
  if (!identity.uid.empty()) spec["uid"] = identity.uid;
  if (!identity.groups.empty()) spec["groups"] = identity.groups;
  if (!identity.extra.empty()) spec["extra"] = identity.extra;
  return json{{"apiVersion", "authorization.k8s.io/v1"},
              {"kind", "SubjectAccessReview"},
              {"spec", std::move(spec)}}
      .dump();
}

bool FlagOf(const json& status, const char* key) {
  auto field = status.find(key);
  return field != status.end() && !field->is_null() && field->get<bool>();
}

// Throws json::exception when the answer is not a SubjectAccessReview.
AccessReview::Decision ReadAnswer(const std::string& body) {
  json answer = json::parse(body);
  const json& status = answer.at("status");
  bool is_denied = FlagOf(status, "denied");
  AccessReview::Decision decision{.is_allowed = status.at("allowed").get<bool>() && !is_denied,
                                  .reason = ""};
  auto reason = status.find("reason");
  if (!decision.is_allowed && reason != status.end() && reason->is_string()) {
    decision.reason = reason->get<std::string>().substr(0, kMaxReasonBytes + 1);
  }
  return decision;
}

}  // namespace

std::string EncodeQuestion(const Identity& identity, const Attributes& attributes) {
  std::string encoded;
  auto append_all = [&encoded](const std::vector<std::string>& texts) {
    AppendField(encoded, std::to_string(texts.size()));
    for (const std::string& text : texts) AppendField(encoded, text);
  };
  AppendField(encoded, identity.user);
  AppendField(encoded, identity.uid);
  append_all(identity.groups);
  AppendField(encoded, std::to_string(identity.extra.size()));
  for (const auto& [key, values] : identity.extra) {
    AppendField(encoded, key);
    append_all(values);
  }
  for (const std::string* field :
       {&attributes.verb, &attributes.group, &attributes.resource, &attributes.subresource,
        &attributes.resource_namespace, &attributes.name}) {
    AppendField(encoded, *field);
  }
  return encoded;
}

AccessReview::AccessReview(ApiServer& api_server, Options options, Cache::Now now)
    : api_server_(api_server),
      options_(options),
      cache_(options_.max_cached_decisions, std::move(now)) {}

Result<void> AccessReview::Authorize(const Identity& identity, const Attributes& attributes) {
  Result<std::string> key = digest_.Of(EncodeQuestion(identity, attributes));
  if (!key) return Propagate(key.error(), kOperation);
  Result<Decision> decision =
      cache_.Get(*key, api_server_.call_timeout(), [&] { return Ask(identity, attributes); });
  if (!decision) return Propagate(ReviewFailed(decision.error()).value(), kOperation);
  if (!decision->is_allowed) return Denied(identity, attributes, decision->reason);
  return {};
}

std::optional<Result<void>> AccessReview::AuthorizeHere(const Identity& identity,
                                                        const Attributes& attributes) {
  Result<std::string> key = digest_.Of(EncodeQuestion(identity, attributes));
  if (!key) return std::nullopt;
  std::optional<Decision> kept = cache_.Kept(*key);
  if (!kept) return std::nullopt;
  if (!kept->is_allowed) return Denied(identity, attributes, kept->reason);
  return Result<void>();
}

Result<AccessReview::Cache::Answer> AccessReview::Ask(const Identity& identity,
                                                      const Attributes& attributes) {
  // The API server refuses a review without a user; one without a verb or resource would be an
  // attribute that means "all".
  if (identity.user.empty() || attributes.verb.empty() || attributes.resource.empty()) {
    return Fail(Code::kInternal, "a question without a user, a verb or a resource");
  }
  std::string request;
  try {
    request = RequestFor(identity, attributes);
  } catch (const std::exception&) {
    return Fail(Code::kInternal, "a name in the question is not UTF-8");
  }
  Result<std::string> body = api_server_.Post(kPath, request);
  if (!body) return Propagate(body.error());
  try {
    Decision decision = ReadAnswer(*body);
    auto time_to_live = decision.is_allowed ? options_.allowed_ttl : options_.denied_ttl;
    return Cache::Answer{std::move(decision), time_to_live};
  } catch (const std::exception&) {
    return Fail(Code::kInternal, "the API server's answer is not a SubjectAccessReview");
  }
}

}  // namespace nsdebug
