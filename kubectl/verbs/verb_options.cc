#include "kubectl/verbs/verb_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>

#include "base/text.h"
#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

namespace {

struct VerbRow {
  Verb verb;
  std::string_view name;
  bool has_target;
  bool has_output;
};

constexpr std::array<VerbRow, 10> kVerbs = {{
    {Verb::kExec, "exec", true, false},
    {Verb::kExplain, "explain", true, true},
    {Verb::kList, "ls", false, true},
    {Verb::kSessions, "sessions", false, true},
    {Verb::kEndSession, "sessions end", false, false},
    {Verb::kVersion, "version", false, true},
    {Verb::kCanI, "auth can-i", true, true},
    {Verb::kCompletion, "completion", false, false},
    {Verb::kComplete, "__complete", false, false},
    {Verb::kCopy, "cp", false, false},
}};

const VerbRow& RowOf(Verb verb) {
  size_t index = 0;
  while (kVerbs[index].verb != verb) ++index;
  return kVerbs[index];
}

/// A verb that takes the flags of the program too.
CLI::App* AddVerb(CLI::App* app, VerbOptions* options, Verb verb, const char* name,
                  const char* help) {
  CLI::App* added = app->add_subcommand(name, help);
  added->fallthrough();
  added->callback([options, verb] {
    // Of `sessions end` the callbacks of both come, the inner one first.
    if (options->verb == Verb::kExec) options->verb = verb;
  });
  return added;
}

constexpr const char* kNoTarget = "TARGET is missing: expected POD, TYPE/NAME or node/NAME";

Failure Wrong(std::string message) { return Fail(Code::kInvalidArgument, std::move(message)); }

Result<void> CheckFanOut(const VerbOptions& options, const GivenArguments& given) {
  if (options.verb != Verb::kExec) {
    return Wrong(fmt::format("{} has no -l, --all-pods and --all", RowOf(options.verb).name));
  }
  if (!given.has_command) return Wrong("many targets take a command behind --, not a shell");
  if (given.has_stdin) return Wrong("-i, -t: many targets cannot share one stdin or terminal");
  const bool is_node = given.target == "node" || given.target == "nodes";
  if (options.all_nodes && !is_node)
    return Wrong("--all: of nodes: `node --all`; of pods --all-pods");
  if (options.all_nodes && (options.all_pods || !options.selector.empty())) {
    return Wrong("--all: of nodes, which --all-pods and -l do not choose from");
  }
  if (!options.selector.empty() && (options.all_pods || !given.target.empty())) {
    return Wrong("-l: chooses pods by their labels, without a TARGET and --all-pods");
  }
  if (!options.output.empty() && options.output != "json") {
    return Wrong(fmt::format("-o: expected json, got '{}'", Printable(options.output)));
  }
  return {};
}

}  // namespace

void AddVerbs(CLI::App* app, VerbOptions* options, std::string* target) {
  app->add_option("-o,--output", options->output, "wide, json or yaml; with many targets json");
  app->add_flag("-A,--all-namespaces", options->all_namespaces,
                "pods of all namespaces, of ls and -l");
  app->add_option("-l,--selector", options->selector, "run in all pods with these labels");
  app->add_flag("--all-pods", options->all_pods, "run in all pods of TARGET, or of the namespace");
  app->add_flag("--all", options->all_nodes, "with TARGET node: run on all nodes");
  app->add_option("--max-parallel", options->max_parallel, "targets at a time")
      ->check(CLI::Range(1U, kMaxParallel))
      ->capture_default_str();
  app->require_subcommand(0, 1);
  AddVerb(app, options, Verb::kExplain, "explain", "what would be entered, and with which rights")
      ->add_option("TARGET", *target, "POD, TYPE/NAME or node/NAME")
      ->required();
  AddVerb(app, options, Verb::kList, "ls", "the agents, and the pods on their nodes");
  CLI::App* sessions = AddVerb(app, options, Verb::kSessions, "sessions", "the open sessions");
  AddVerb(sessions, options, Verb::kEndSession, "end", "ends one")
      ->add_option("ID", options->session_id, "as `sessions` shows it")
      ->required();
  AddVerb(app, options, Verb::kVersion, "version", "of this program and of the agents")
      ->add_flag("--client", options->client_only, "of this program only");
  AddVerb(app, options, Verb::kCompletion, "completion", "prints the script for a shell")
      ->add_option("SHELL", options->shell, "bash, zsh or fish")
      ->required();
  CLI::App* copy =
      AddVerb(app, options, Verb::kCopy, "cp", "copies files out of TARGET or into it");
  copy->add_option("SOURCE", options->source, "TARGET:/PATH or a local path")->required();
  copy->add_option("DESTINATION", options->destination, "likewise, the other of them")->required();
  CLI::App* auth = app->add_subcommand("auth", "rights");
  auth->fallthrough();
  auth->require_subcommand(1);
  AddVerb(auth, options, Verb::kCanI, "can-i", "whether a session in TARGET would be allowed")
      ->add_option("TARGET", *target, "POD, TYPE/NAME or node/NAME")
      ->required();
}

std::vector<FlagName> FlagsOf(const CLI::App& app) {
  std::vector<FlagName> flags;
  for (const CLI::Option* option : app.get_options()) {
    const bool has_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_lnames()) flags.push_back({"--" + name, has_value});
    for (const std::string& name : option->get_snames()) flags.push_back({"-" + name, has_value});
  }
  return flags;
}

Result<void> CheckVerb(const VerbOptions& options, const GivenArguments& given) {
  const VerbRow& row = RowOf(options.verb);
  const bool is_exec = options.verb == Verb::kExec;
  if (options.is_fan_out()) return CheckFanOut(options, given);
  if (options.all_namespaces && options.verb != Verb::kList) {
    return Wrong("-A: only of ls, and of a command in many targets");
  }
  if (row.has_target && given.target.empty()) return Fail(Code::kInvalidArgument, kNoTarget);
  if (!row.has_target && !given.target.empty()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("'{}': {} takes no TARGET; a command stands behind --, and a pod of "
                            "that name is pod/{}",
                            Printable(given.target), row.name, row.name));
  }
  if (!is_exec && given.has_command) {
    return Fail(Code::kInvalidArgument, fmt::format("{} takes no command behind --", row.name));
  }
  if (!row.has_output && !options.output.empty()) {
    return Fail(Code::kInvalidArgument,
                is_exec ? "-o: only of a command in many targets: -l, --all-pods or --all"
                        : fmt::format("{} has no -o", row.name));
  }
  Result<OutputFormat> format = ParseOutputFormat(options.output);
  if (!format) return Propagate(std::move(format.error()));
  return {};
}

}  // namespace nsdebug::kubectl
