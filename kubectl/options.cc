#include "kubectl/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "kubectl/exit_code.h"
#include "kubectl/help.h"
#include "kubectl/nearest.h"

namespace nsdebug::kubectl {

namespace {

/// What kubectl_complete-ns_debug puts before the words.
constexpr const char* kCompleteWord = "__complete";

/// Of "as long as it takes": a bound all the same.
constexpr std::chrono::hours kNoTimeout{24};

/// As kubectl's: a number with a unit, or a bare number of seconds.
std::chrono::milliseconds ParseRequestTimeout(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, int64_t>, 5> kUnits = {
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"", 1000}}};
  int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  const std::string_view unit(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  const auto known = std::find_if(kUnits.begin(), kUnits.end(),
                                  [&](const auto& entry) { return entry.first == unit; });
  const int64_t most = std::chrono::milliseconds(kNoTimeout).count();
  if (parsed.ec != std::errc() || known == kUnits.end() || count < 0 || count > most) {
    throw CLI::ValidationError("--request-timeout", "a time is a number with ms, s, m or h");
  }
  if (count == 0) return kNoTimeout;
  return std::chrono::milliseconds(std::min(count * known->second, most));
}

void AddKubectlFlags(CLI::App* app, PluginOptions* options) {
  Overrides& overrides = options->overrides;
  app->add_option("-n,--namespace", overrides.name_space, "namespace of the target")
      ->type_name("NAME");
  app->add_option("-c,--container", options->container, "container of the pod")->type_name("NAME");
  app->add_flag("-i,--stdin", options->has_stdin, "pass our stdin to the command");
  app->add_flag("-t,--tty", options->has_tty, "stdin is a terminal; with -i");
  app->add_flag("-q,--quiet", options->quiet, "print only the command's output");
  app->add_option("--kubeconfig", options->kubeconfig, "this file instead of KUBECONFIG");
  app->add_option("--context", overrides.context, "context of the kubeconfig");
  app->add_option("--cluster", overrides.cluster, "cluster of the kubeconfig");
  app->add_option("--user", overrides.user, "user of the kubeconfig");
  app->add_option("-s,--server", overrides.server, "URL of the API server");
  app->add_option("--token", overrides.token, "bearer token");
  app->add_option("--certificate-authority", overrides.certificate_authority,
                  "file with the API server's CA");
  app->add_option("--client-certificate", overrides.client_certificate, "file of a certificate");
  app->add_option("--client-key", overrides.client_key, "file of its key");
  app->add_option("--tls-server-name", overrides.tls_server_name,
                  "name in the API server's certificate");
  app->add_flag("--insecure-skip-tls-verify", overrides.insecure_skip_tls_verify,
                "do not verify the API server; the agent is verified all the same");
  app->add_option("--as", overrides.as, "refused: see the manual");
  app->add_option("--as-uid", overrides.as_uid, "refused: see the manual");
  app->add_option("--as-group", overrides.as_groups, "refused: see the manual")
      ->allow_extra_args(false);
  app->add_option_function<std::string>(
         "--request-timeout",
         [options](const std::string& text) {
           options->request_timeout = ParseRequestTimeout(text);
         },
         "for each request, as in 5s, 1m or 500ms; 0: as long as it takes (30s)")
      ->type_name("TIME");
  app->add_option("-v,--v", options->verbosity,
                  "6: requests and their times on stderr; up to 9: more of them")
      ->type_name("LEVEL");
}

void AddOwnFlags(CLI::App* app, PluginOptions* options) {
  app->add_option("--profile", options->profile,
                  "general, baseline, restricted, netadmin or sysadmin");
  app->add_option("--view", options->view,
                  "toolbox or container; host, of a standalone agent only");
  app->add_option("--enter", options->enter, "namespaces to enter: net,pid,...");
  app->add_flag("--sandbox", options->sandbox, "the pod itself, when none of its containers runs");
  app->add_option("--timeout", options->timeout_seconds, "end the command after so many seconds");
  app->add_option("--env", options->environment, "NAME=VALUE for the command")
      ->allow_extra_args(false);
  app->add_option("--workdir", options->working_directory, "directory to start in");
  app->add_option("--setuid", options->uid, "user number to run as");
  app->add_option("--setgid", options->gid, "group number to run as");
  app->add_option("--agent", options->agent,
                  "https://HOST[:PORT] of an agent: straight to it, with --agent-ca");
  app->add_option("--agent-ca", options->agent_ca, "file with the CA of that agent");
  app->add_option("--agent-namespace", options->agent_namespace, "namespace of the agents")
      ->capture_default_str();
}

/// "--" and what follows is the command, whatever it looks like.
std::vector<std::string> TakeCommand(const std::vector<std::string>& arguments,
                                     PluginOptions* options) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  if (end != arguments.end()) {
    options->has_command = true;
    options->command.assign(end + 1, arguments.end());
  }
  // CLI11 takes them from the back.
  std::vector<std::string> own;
  for (auto argument = arguments.begin(); argument != end; ++argument) {
    // "-n=shop", as kubectl has it.
    const bool has_equals = argument->size() > 2 && (*argument)[0] == '-' &&
                            (*argument)[1] != '-' && (*argument)[2] == '=';
    own.push_back(has_equals ? argument->substr(0, 2) + argument->substr(3) : *argument);
  }
  std::reverse(own.begin(), own.end());
  return own;
}

/// "Did you mean --NAME?" for the first option that there is not; else nothing.
std::string SuggestionFor(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const std::string_view typed = std::string_view(argument).substr(0, argument.find('='));
    if (!typed.starts_with("--") || std::find(names.begin(), names.end(), typed) != names.end()) {
      continue;
    }
    const std::string_view nearest = NearestOf(typed, names);
    if (!nearest.empty()) return "Did you mean " + std::string(nearest) + "?\n";
  }
  return {};
}

void AddEverything(CLI::App* app, PluginOptions* options) {
  app->name("kubectl ns-debug");
  app->set_version_flag("--version", "kubectl-ns_debug " NS_DEBUG_VERSION);
  app->add_option("TARGET", options->target, "POD, TYPE/NAME or node/NAME");
  AddKubectlFlags(app, options);
  AddOwnFlags(app, options);
  AddVerbs(app, &options->verb, &options->target);
  app->footer(std::string(kHelpFooter));
}

/// A shell asks for what may stand in place of the last word.
PluginCommandLine ReadCompletion(std::vector<std::string> words) {
  PluginCommandLine line;
  CLI::App app;
  AddEverything(&app, &line.options);
  CompletionPlan plan = PlanCompletion(words, FlagsOf(app));
  words.resize(plan.understood);
  try {
    // For namespace, context and agent. What is being typed need not make sense yet.
    std::reverse(words.begin(), words.end());
    app.parse(std::move(words));
  } catch (const CLI::ParseError&) {
  }
  line.options.verb = {};
  line.options.verb.verb = Verb::kComplete;
  line.options.verb.completion = std::move(plan);
  line.run = true;
  return line;
}

}  // namespace

PluginCommandLine ReadPluginCommandLine(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == kCompleteWord) {
    return ReadCompletion({arguments.begin() + 1, arguments.end()});
  }
  PluginCommandLine line;
  CLI::App app(
      "Runs a command in the namespaces of a pod or node, with the tools of the ns-debug agent "
      "there.");
  AddEverything(&app, &line.options);
  try {
    app.parse(TakeCommand(arguments, &line.options));
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    line.exit_code = code == 0 ? 0 : kExitUsage;
    line.text = code == 0 ? out.str() : err.str() + SuggestionFor(app, arguments);
    return line;
  }
  const PluginOptions& given = line.options;
  Result<void> checked =
      CheckVerb(given.verb, {given.target, given.has_command, given.has_stdin || given.has_tty});
  if (!checked) {
    line.exit_code = kExitUsage;
    line.text = "error: " + checked.error().message +
                "\nhint: " + std::string(AdviceFor(kExitUsage)) + "\n";
    return line;
  }
  if (!line.options.has_command) line.options.has_stdin = line.options.has_tty = true;
  line.run = true;
  return line;
}

}  // namespace nsdebug::kubectl
