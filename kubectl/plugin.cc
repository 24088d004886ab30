#include "kubectl/plugin.h"

#include <utility>

#include "kubectl/client.h"
#include "kubectl/copy/copy_verb.h"
#include "kubectl/destination.h"
#include "kubectl/exec_verb.h"
#include "kubectl/fan_out_verb.h"
#include "kubectl/plugin_connector.h"
#include "kubectl/stage.h"
#include "kubectl/verbs/run_verb.h"

namespace nsdebug::kubectl {

namespace {

/// What of the arguments can be checked before anybody is asked anything.
struct Arguments {
  TargetName target;
  CopyOperands copied;
};

Result<Arguments> CheckArguments(const PluginOptions& options) {
  Arguments arguments;
  const Verb verb = options.verb.verb;
  const bool asks = !options.verb.is_local() && verb != Verb::kComplete;
  if (asks && !options.agent.empty() && options.agent_ca.empty()) {
    return Fail(Code::kInvalidArgument,
                "--agent needs --agent-ca: a file with the authority of that agent's certificate");
  }
  if (verb == Verb::kCopy) {
    Result<CopyOperands> parsed = ParseCopyOperands(options.verb.source, options.verb.destination);
    if (!parsed) return Propagate(std::move(parsed.error()));
    arguments.copied = std::move(*parsed);
  }
  const bool has_target =
      !options.target.empty() && !options.verb.is_fan_out() && verb != Verb::kComplete;
  if (!has_target) return arguments;
  Result<TargetName> target = TargetOf(options, options.target);
  if (!target) return Propagate(std::move(target.error()));
  arguments.target = std::move(*target);
  return arguments;
}

asio::awaitable<int> RunCommand(const PluginOptions* options, const Client* client,
                                TargetName target) {
  ExecParameters parameters = ParametersOf(*options);
  Stage<Destination> destination =
      co_await FindDestination(*options, client, std::move(target), std::move(parameters));
  if (!destination) co_return Tell(destination.error());
  co_return co_await RunExec(std::move(destination->agent), std::move(destination->parameters));
}

asio::awaitable<int> Run(const PluginOptions* options, RequestLog* log) {
  const VerbOptions& verb = options->verb;
  Result<Arguments> arguments = CheckArguments(*options);
  if (!arguments) {
    const Stopped stopped{std::move(arguments.error()), kExitUsage, {}};
    co_return Tell(stopped);
  }
  if (verb.is_local()) co_return co_await RunVerb(&verb, &options->target, nullptr);
  Stage<Client> client = LoadClient(*options, log);
  if (!client) co_return Tell(client.error());
  const Connector connector = MakeConnector(options, &*client);
  switch (verb.verb) {
    case Verb::kExec:
      if (verb.is_fan_out()) co_return co_await RunFanOutVerb(options, &connector);
      co_return co_await RunCommand(options, &*client, std::move(arguments->target));
    case Verb::kCopy:
      co_return co_await RunCopy(&connector, std::move(arguments->copied), options->quiet);
    default:
      co_return co_await RunVerb(&verb, &options->target, &connector);
  }
}

}  // namespace

asio::awaitable<int> RunPlugin(PluginOptions options) {
  RequestLog log(options.verbosity);
  const int exit_code = co_await Run(&options, &log);
  log.RoundTrips();
  co_return exit_code;
}

}  // namespace nsdebug::kubectl
