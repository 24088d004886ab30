#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "agent/auth/authenticator.h"
#include "agent/auth/authorizer.h"
#include "agent/auth/reloaded_file.h"

namespace nsdebug {

inline constexpr size_t kMaxStaticTokens = 1'000;
inline constexpr size_t kMaxStaticTokensBytes = size_t{1} << 20;
/// A token of fewer bytes could be guessed.
inline constexpr size_t kMinStaticTokenBytes = 16;

/// What one rule allows: any of the verbs on any of the resources of group ns-debug.io. "*" among
/// them stands for all.
struct StaticRule {
  std::vector<std::string> verbs;
  std::vector<std::string> resources;  ///< "pods", "pods/exec"
  /// Empty: all, cluster scope too. Otherwise only these, so no question without a name, or about
  /// the cluster scope, is allowed.
  std::vector<std::string> names;
  std::vector<std::string> namespaces;
};

struct StaticToken {
  std::string sha256;  ///< 32 bytes
  std::string user;    ///< no other entry has it
  std::vector<std::string> groups;
  std::vector<StaticRule> rules;
};

/// kInvalidArgument names the entry by its index, never by its token.
Result<std::vector<StaticToken>> ParseStaticTokens(const std::string& text);

/// For a node without Kubernetes: tokens and what their users may do, from one file:
///
///   [{"token": "...", "user": "alice", "groups": ["ops"], "rules": [
///     {"verbs": ["create"], "resources": ["pods/exec"], "namespaces": ["bank"]}]}]
///
/// "sha256" with 64 hexadecimal digits may stand in place of "token". The file belongs to root or
/// to the agent's own user and nobody else may read it, or it is refused. It is read again when it
/// changes; one with a fault grants nothing until it is mended.
class StaticTokens : public Authenticator, public Authorizer {
 public:
  explicit StaticTokens(const std::string& path,
                        std::chrono::milliseconds check_interval = kFileCheckInterval);

  /// What is wrong with the file now: for the start of the agent.
  Result<void> Check();

  /// kUnavailable: the file has a fault.
  Result<std::optional<Identity>> Authenticate(const Credentials& credentials) override;
  std::optional<Result<std::optional<Identity>>> AuthenticateHere(
      const Credentials& credentials) override {
    return Authenticate(credentials);
  }

  /// By the rules of the user of that name, however it was authenticated.
  Result<void> Authorize(const Identity& identity, const Attributes& attributes) override;
  std::optional<Result<void>> AuthorizeHere(const Identity& identity,
                                            const Attributes& attributes) override {
    return Authorize(identity, attributes);
  }

 private:
  // Shared by the file, which replaces it, and by the questions that are under way.
  using Table = std::shared_ptr<const std::vector<StaticToken>>;

  static Result<Table> Parse(const FileContent& content);
  Result<Table> Tokens();

  ReloadedFile<Table> file_;
};

}  // namespace nsdebug
