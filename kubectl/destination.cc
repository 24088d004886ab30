#include "kubectl/destination.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "base/io.h"
#include "base/text.h"
#include "kubectl/agent_connection.h"
#include "kubectl/agent_pod.h"
#include "kubectl/agent_route.h"
#include "kubectl/exec/terminal.h"
#include "kubectl/transport/tcp_stream.h"

namespace nsdebug::kubectl {

ExecParameters ParametersOf(const PluginOptions& options) {
  ExecParameters parameters;
  parameters.container = options.container;
  parameters.command = options.command;
  parameters.has_stdin = options.has_stdin;
  // As kubectl has it: whoever cannot type needs no terminal, and could not leave a raw one.
  parameters.has_tty = options.has_tty && options.has_stdin;
  if (parameters.has_tty && ::isatty(STDIN_FILENO) == 0) {
    parameters.has_tty = false;
    if (!options.quiet && options.has_command) {
      std::fputs("Unable to use a TTY - input is not a terminal or the right kind of file\n",
                 stderr);
    }
  }
  if (parameters.has_tty) parameters.size = SizeOf(STDIN_FILENO);
  parameters.sandbox = options.sandbox;
  parameters.profile = options.profile;
  parameters.view = options.view;
  parameters.namespaces = options.enter;
  parameters.uid = options.uid;
  parameters.gid = options.gid;
  parameters.working_directory = options.working_directory;
  parameters.environment = options.environment;
  parameters.timeout_seconds = options.timeout_seconds;
  return parameters;
}

Result<TargetName> TargetOf(const PluginOptions& options, const std::string& target) {
  Result<TargetName> name = ParseTargetName(target);
  if (!name || options.agent.empty()) return name;
  if (name->kind == TargetKind::kPod || name->kind == TargetKind::kNode) return name;
  return Fail(Code::kInvalidArgument,
              fmt::format("'{}': --agent asks no API server which pods a {} has: name one of them",
                          Printable(target), KindName(name->kind)));
}

namespace {

constexpr std::string_view kSeeAgent = "nothing was sent: see that --agent is right";
constexpr std::string_view kSeeAgentCa =
    "nothing was sent: see that --agent-ca has the authority of this agent's certificate, and that "
    "the certificate has the name in --agent";

tl::unexpected<Stopped> StopAtConnecting(Error error) {
  if (error.code == Code::kInvalidArgument) {
    return tl::unexpected(Stopped{std::move(error), kExitClientConfig, kSeeAgentCa});
  }
  return tl::unexpected(Stopped{std::move(error), kExitAgentMissing, kSeeAgent});
}

asio::awaitable<Stage<std::unique_ptr<HttpClient>>> ConnectByCluster(const PluginOptions* options,
                                                                     const Client* client,
                                                                     TargetName target,
                                                                     ExecParameters* parameters) {
  Stage<ClusterAccess> access = AccessOf(*options, *client);
  if (!access) co_return tl::unexpected(std::move(access.error()));
  const Credential used = access->credential;
  RouteRequest request{std::move(*access), std::move(target), options->agent_namespace,
                       options->quiet};
  Stage<std::unique_ptr<HttpClient>> agent =
      co_await ConnectThroughCluster(std::move(request), parameters);
  const bool is_unknown = !agent && agent.error().error.code == Code::kUnauthenticated;
  if (is_unknown) client->credentials->Reject(used);
  co_return agent;
}

}  // namespace

asio::awaitable<Stage<std::unique_ptr<HttpClient>>> ConnectDirectly(PluginOptions options,
                                                                    const Client* client) {
  Result<HttpsEndpoint> endpoint = ParseHttpsUrl(options.agent, kAgentPort);
  if (!endpoint) co_return Stop(std::move(endpoint.error()), kExitUsage);
  Result<std::string> ca = ReadFile(options.agent_ca);
  if (!ca) co_return Stop(std::move(ca.error()), kExitClientConfig);
  Result<Credential> credential = client->credentials->Get();
  if (!credential) co_return Stop(std::move(credential.error()), kExitClientConfig);
  client->log->CountRoundTrip("TCP");
  Result<std::unique_ptr<ByteStream>> stream =
      co_await ConnectTcp(endpoint->host, endpoint->port, options.request_timeout);
  if (!stream) co_return StopAtConnecting(std::move(stream.error()));
  Result<std::unique_ptr<HttpClient>> agent =
      co_await StartAgentSession(std::move(*stream), endpoint->host, std::move(*ca),
                                 std::move(*credential), options.request_timeout, client->log);
  if (!agent) co_return StopAtConnecting(std::move(agent.error()));
  co_return std::move(*agent);
}

asio::awaitable<Stage<Destination>> FindDestination(PluginOptions options, const Client* client,
                                                    TargetName target, ExecParameters parameters) {
  Destination destination;
  destination.parameters = std::move(parameters);
  std::string& name_space = destination.parameters.pod_namespace;
  if (name_space.empty()) name_space = client->config.name_space;
  Stage<std::unique_ptr<HttpClient>> agent;
  if (options.agent.empty()) {
    agent = co_await ConnectByCluster(&options, client, std::move(target), &destination.parameters);
  } else {
    const bool is_node = target.kind == TargetKind::kNode;
    (is_node ? destination.parameters.node : destination.parameters.pod) = std::move(target.name);
    agent = co_await ConnectDirectly(options, client);
  }
  if (!agent) co_return tl::unexpected(std::move(agent.error()));
  destination.agent = std::move(*agent);
  co_return destination;
}

}  // namespace nsdebug::kubectl
