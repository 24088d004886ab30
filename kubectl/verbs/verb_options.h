#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kubectl/verbs/completion_plan.h"

namespace CLI {
class App;
}

namespace nsdebug::kubectl {

/// What the plugin is asked to do.
enum class Verb {
  kExec,
  kExplain,
  kList,
  kSessions,
  kEndSession,
  kVersion,
  kCanI,
  kCompletion,
  kComplete,
  kCopy
};

/// How many targets a command runs in at a time: what the API server and an agent's limit of
/// sessions for each user take without a thought.
inline constexpr uint32_t kDefaultParallel = 5;
inline constexpr uint32_t kMaxParallel = 100;

/// The part of the command line that is not about running a command.
struct VerbOptions {
  Verb verb = Verb::kExec;
  std::string session_id;       ///< of `sessions end`
  std::string output;           ///< -o
  bool all_namespaces = false;  ///< -A
  bool client_only = false;     ///< of `version`

  std::string shell;          ///< of `completion`
  CompletionPlan completion;  ///< of what the shells ask
  std::string source;         ///< of `cp`, [TARGET:]PATH
  std::string destination;

  // A command in many targets.
  std::string selector;    ///< -l
  bool all_pods = false;   ///< of the workload TARGET, or of the namespace
  bool all_nodes = false;  ///< TARGET is "node"
  uint32_t max_parallel = kDefaultParallel;

  /// Nobody else is asked.
  bool is_local() const {
    const bool knows_choices = !completion.pods && completion.containers_of.empty();
    return client_only || verb == Verb::kCompletion || (verb == Verb::kComplete && knows_choices);
  }
  bool is_fan_out() const { return !selector.empty() || all_pods || all_nodes; }
};

/// What else was given.
struct GivenArguments {
  std::string_view target;
  bool has_command = false;  ///< behind "--"
  bool has_stdin = false;    ///< -i or -t
};

/// Adds the verbs and their flags. A pod that is called as a verb is pod/NAME.
void AddVerbs(CLI::App* app, VerbOptions* options, std::string* target);

/// The flags of the program, for completion.
std::vector<FlagName> FlagsOf(const CLI::App& app);

/// Whether what was given fits together: a verb, its TARGET, and what stands behind "--".
/// kInvalidArgument says what does not.
Result<void> CheckVerb(const VerbOptions& options, const GivenArguments& given);

}  // namespace nsdebug::kubectl
