#include "agent/auth/static_tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "agent/auth/bearer.h"
#include "agent/auth/denial.h"
#include "agent/auth/keyed_digest.h"
#include "base/text.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr char kAll[] = "*";
constexpr size_t kSha256Bytes = 32;

Failure Wrong(std::string message) { return Fail(Code::kInvalidArgument, std::move(message)); }

Result<void> CheckKeys(const json& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return Wrong("not an object");
  for (const auto& [key, value] : object.items()) {
    // A misspelt "names" would otherwise allow all of them.
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      // Not the key itself: a file with a forgotten quote may have a token there.
      std::string list = fmt::format("{}", fmt::join(known, ", "));
      return Wrong("it has a key that is none of " + list);
    }
  }
  return {};
}

// A list that is there has texts in it: an empty one reads like "none" and would mean "all".
Result<std::vector<std::string>> ReadList(const json& object, const char* key) {
  std::vector<std::string> texts;
  auto field = object.find(key);
  if (field == object.end()) return texts;
  Failure wrong = Wrong(fmt::format("{} is not a list of texts, with at least one", key));
  if (!field->is_array() || field->empty()) return wrong;
  for (const json& text : *field) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty()) return wrong;
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<StaticRule> ReadRule(const json& object) {
  Result<void> keys = CheckKeys(object, {"verbs", "resources", "names", "namespaces"});
  if (!keys) return Propagate(keys.error());
  StaticRule rule;
  for (auto [key, list] :
       {std::pair("verbs", &rule.verbs), std::pair("resources", &rule.resources),
        std::pair("names", &rule.names), std::pair("namespaces", &rule.namespaces)}) {
    Result<std::vector<std::string>> texts = ReadList(object, key);
    if (!texts) return Propagate(texts.error());
    *list = *std::move(texts);
  }
  if (rule.verbs.empty() || rule.resources.empty()) return Wrong("it lacks verbs or resources");
  return rule;
}

std::optional<std::string> FromHexadecimal(std::string_view digits) {
  std::string bytes;
  if (digits.size() != 2 * kSha256Bytes) return std::nullopt;
  for (size_t i = 0; i < digits.size(); i += 2) {
    int value = 0;
    for (char digit : digits.substr(i, 2)) {
      bool is_letter = digit >= 'a' && digit <= 'f';
      if (!is_letter && (digit < '0' || digit > '9')) return std::nullopt;
      value = value * 16 + (is_letter ? digit - 'a' + 10 : digit - '0');
    }
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

Result<std::string> ReadSecret(const json& object) {
  auto token = object.find("token");
  auto sha256 = object.find("sha256");
  if ((token == object.end()) == (sha256 == object.end())) {
    return Wrong("it needs one of token and sha256");
  }
  if (sha256 != object.end()) {
    std::optional<std::string> bytes;
    if (sha256->is_string()) bytes = FromHexadecimal(sha256->get_ref<const std::string&>());
    if (!bytes) return Wrong("sha256 is not 64 digits of 0-9 and a-f");
    return *bytes;
  }
  if (!token->is_string() || !IsTokenText(token->get_ref<const std::string&>()) ||
      token->get_ref<const std::string&>().size() < kMinStaticTokenBytes) {
    return Wrong(fmt::format("token is not a text of {} to {} visible ASCII characters",
                             kMinStaticTokenBytes, kMaxTokenBytes));
  }
  return Sha256(token->get_ref<const std::string&>());
}

Result<StaticToken> ReadToken(const json& object) {
  Result<void> keys = CheckKeys(object, {"token", "sha256", "user", "groups", "rules"});
  if (!keys) return Propagate(keys.error());
  Result<std::string> sha256 = ReadSecret(object);
  if (!sha256) return Propagate(sha256.error());
  StaticToken token{.sha256 = *std::move(sha256), .user = "", .groups = {}, .rules = {}};
  auto user = object.find("user");
  if (user == object.end() || !user->is_string() || user->get_ref<const std::string&>().empty()) {
    return Wrong("user is not a text");
  }
  token.user = user->get<std::string>();
  Result<std::vector<std::string>> groups = ReadList(object, "groups");
  if (!groups) return Propagate(groups.error());
  token.groups = *std::move(groups);
  auto rules = object.find("rules");
  if (rules == object.end() || !rules->is_array()) return Wrong("rules is not a list");
  for (size_t i = 0; i < rules->size(); ++i) {
    Result<StaticRule> rule = ReadRule((*rules)[i]);
    if (!rule) return Propagate(rule.error(), fmt::format("rule {}", i));
    token.rules.push_back(*std::move(rule));
  }
  return token;
}

bool Has(const std::vector<std::string>& list, const std::string& text) {
  return std::any_of(list.begin(), list.end(),
                     [&text](const std::string& item) { return item == kAll || item == text; });
}

bool Allows(const StaticRule& rule, const Attributes& attributes) {
  std::string resource = attributes.resource;
  if (!attributes.subresource.empty()) resource += "/" + attributes.subresource;
  return attributes.group == kApiGroup && Has(rule.verbs, attributes.verb) &&
         Has(rule.resources, resource) &&
         (rule.names.empty() || Has(rule.names, attributes.name)) &&
         (rule.namespaces.empty() || Has(rule.namespaces, attributes.resource_namespace));
}

}  // namespace

Result<std::vector<StaticToken>> ParseStaticTokens(const std::string& text) {
  // What the library's own errors repeat may be a token.
  json list = json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() || list.size() > kMaxStaticTokens) {
    return Wrong(fmt::format("not a list in JSON of at most {} entries", kMaxStaticTokens));
  }
  std::vector<StaticToken> tokens;
  std::set<std::string> users;
  for (size_t i = 0; i < list.size(); ++i) {
    Result<StaticToken> token = ReadToken(list[i]);
    if (!token) return Propagate(token.error(), fmt::format("entry {}", i));
    // Rules are found by user: the weaker of two tokens would get the other's too.
    if (!users.insert(token->user).second) {
      return Wrong(fmt::format("entry {}: its user is that of an entry before it", i));
    }
    tokens.push_back(*std::move(token));
  }
  return tokens;
}

StaticTokens::StaticTokens(const std::string& path, std::chrono::milliseconds check_interval)
    : file_(path, kMaxStaticTokensBytes, OnFault::kFail, Parse, check_interval) {}

Result<StaticTokens::Table> StaticTokens::Parse(const FileContent& content) {
  if (content.owner != 0 && content.owner != ::geteuid()) {
    return Fail(Code::kPermissionDenied, "it must belong to root or to the agent's own user");
  }
  if ((content.mode & 077) != 0) {
    return Fail(Code::kPermissionDenied,
                fmt::format("its mode is {:04o}, so others may read it: chmod 0600 it, and replace "
                            "the tokens in it",
                            content.mode));
  }
  try {
    Result<std::vector<StaticToken>> tokens = ParseStaticTokens(content.text);
    if (!tokens) return Propagate(tokens.error());
    return std::make_shared<const std::vector<StaticToken>>(*std::move(tokens));
  } catch (const std::exception&) {
    return Wrong("not a list of tokens");
  }
}

Result<StaticTokens::Table> StaticTokens::Tokens() {
  Result<Table> tokens = file_.Get();
  if (!tokens) {
    return Fail(Code::kUnavailable,
                fmt::format("static tokens {}: {}", file_.path(), tokens.error().message));
  }
  return tokens;
}

Result<void> StaticTokens::Check() {
  Result<Table> tokens = Tokens();
  if (!tokens) return Propagate(tokens.error());
  return {};
}

Result<std::optional<Identity>> StaticTokens::Authenticate(const Credentials& credentials) {
  if (credentials.bearer_token.empty()) return std::nullopt;
  Result<Table> tokens = Tokens();
  if (!tokens) return Propagate(tokens.error());
  Result<std::string> sha256 = Sha256(credentials.bearer_token);
  if (!sha256) return Propagate(sha256.error(), "bearer token");
  // All of them, each in constant time: how long it takes tells nothing.
  const StaticToken* found = nullptr;
  for (const StaticToken& token : **tokens) {
    if (::CRYPTO_memcmp(token.sha256.data(), sha256->data(), kSha256Bytes) == 0) found = &token;
  }
  if (found == nullptr) {
    return Fail(Code::kUnauthenticated, "bearer token: it is none of the static tokens");
  }
  Identity identity{.user = found->user, .uid = "", .groups = found->groups, .extra = {}};
  AddAuthenticatedGroup(identity);
  return identity;
}

Result<void> StaticTokens::Authorize(const Identity& identity, const Attributes& attributes) {
  Result<Table> tokens = Tokens();
  if (!tokens) return Propagate(tokens.error());
  for (const StaticToken& token : **tokens) {
    if (token.user != identity.user) continue;
    bool is_allowed =
        std::any_of(token.rules.begin(), token.rules.end(),
                    [&attributes](const StaticRule& rule) { return Allows(rule, attributes); });
    if (is_allowed) return {};
  }
  return Denied(identity, attributes, "no rule of the static tokens allows it");
}

}  // namespace nsdebug
