#include "kubectl/plugin_connector.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kubectl/agent_pod.h"
#include "kubectl/cluster_connection.h"
#include "kubectl/destination.h"
#include "kubectl/fan_out/run_bounded.h"
#include "kubectl/pod.h"
#include "kubectl/target.h"
#include "kubectl/verbs/agent_answer.h"
#include "kubectl/workload.h"

namespace nsdebug::kubectl {

namespace {

// To the agents of a cluster; each is some requests to the API server.
constexpr size_t kParallelConnections = 10;

asio::awaitable<OrExit<ReachedTarget>> ReachTarget(const PluginOptions* options,
                                                   const Client* client, std::string target) {
  Result<TargetName> name = TargetOf(*options, target);
  if (!name) {
    const Stopped stopped{std::move(name.error()), kExitUsage, {}};
    co_return tl::unexpected(Tell(stopped));
  }
  ExecParameters parameters = ParametersOf(*options);
  Stage<Destination> destination =
      co_await FindDestination(*options, client, std::move(*name), std::move(parameters));
  if (!destination) co_return tl::unexpected(Tell(destination.error()));
  co_return ReachedTarget{std::move(destination->agent), std::move(destination->parameters)};
}

asio::awaitable<Stage<std::vector<AgentPod>>> FindAgents(const PluginOptions* options,
                                                         const Client* client) {
  Stage<ClusterAccess> access = AccessOf(*options, *client);
  if (!access) co_return tl::unexpected(std::move(access.error()));
  Result<std::unique_ptr<HttpClient>> cluster = co_await ConnectCluster(std::move(*access));
  if (!cluster) co_return StopAt(Peer::kApiServer, std::move(cluster.error()));
  Result<std::string> list = co_await (*cluster)->Get(AllAgentPodsPath(options->agent_namespace));
  if (!list) co_return StopAt(Peer::kApiServer, std::move(list.error()));
  Result<std::vector<AgentPod>> pods = ListAgentPods(*list, options->agent_namespace);
  if (!pods) co_return Stop(std::move(pods.error()), kExitAgentMissing);
  co_return std::move(*pods);
}

/// Says what is wrong with an agent when it cannot be reached.
asio::awaitable<ReachedAgent> ReachAgent(const PluginOptions* options, const Client* client,
                                         const AgentPod* pod) {
  ReachedAgent reached{pod->node, pod->name, pod->trouble, 0, {}};
  if (!pod->trouble.empty()) {
    reached.exit_code = kExitAgentMissing;
    co_return reached;
  }
  TargetName node{TargetKind::kNode, pod->node};
  ExecParameters parameters;
  Stage<Destination> destination =
      co_await FindDestination(*options, client, std::move(node), std::move(parameters));
  if (destination) {
    reached.agent = std::move(destination->agent);
  } else {
    reached.trouble = std::move(destination.error().error.message);
    reached.exit_code = destination.error().exit_code;
  }
  co_return reached;
}

asio::awaitable<void> AskAgent(const PluginOptions* options, const Client* client,
                               const AgentPod* pod, size_t index, const Connector::AskAgent* ask) {
  ReachedAgent reached = co_await ReachAgent(options, client, pod);
  co_await (*ask)(index, &reached);
}

asio::awaitable<OrExit<void>> AskAgents(const PluginOptions* options, const Client* client,
                                        Connector::AskAgent ask) {
  if (!options->agent.empty()) {
    Stage<std::unique_ptr<HttpClient>> agent = co_await ConnectDirectly(*options, client);
    if (!agent) co_return tl::unexpected(Tell(agent.error()));
    ReachedAgent reached{{}, options->agent, {}, 0, std::move(*agent)};
    co_await ask(0, &reached);
    co_return OrExit<void>();
  }
  Stage<std::vector<AgentPod>> pods = co_await FindAgents(options, client);
  if (!pods) co_return tl::unexpected(Tell(pods.error()));
  co_await RunBounded(pods->size(), kParallelConnections, [&](size_t index) {
    return AskAgent(options, client, &(*pods)[index], index, &ask);
  });
  co_return OrExit<void>();
}

asio::awaitable<Connector::AgentOf> ReachAgentOf(const PluginOptions* options, const Client* client,
                                                 ExecParameters parameters) {
  // What there is to say of one of many, its result says.
  PluginOptions silent = *options;
  silent.quiet = true;
  const bool is_node = parameters.pod.empty();
  TargetName target{is_node ? TargetKind::kNode : TargetKind::kPod,
                    is_node ? parameters.node : parameters.pod};
  Stage<Destination> destination =
      co_await FindDestination(std::move(silent), client, std::move(target), std::move(parameters));
  if (!destination) {
    Stopped& stopped = destination.error();
    co_return tl::unexpected(NotRun{std::move(stopped.error), stopped.exit_code});
  }
  co_return std::move(destination->agent);
}

asio::awaitable<Stage<std::vector<PodOnNode>>> FindPodsOfAgent(const PluginOptions* options,
                                                               const Client* client,
                                                               PodsQuery query) {
  if (!query.selector.empty() || !query.workload.empty()) {
    const Failure unknown = Fail(Code::kInvalidArgument,
                                 "--agent: an agent knows neither labels nor workloads, only all "
                                 "pods on its node: --all-pods without a TARGET");
    co_return Stop(unknown.value(), kExitUsage);
  }
  Stage<std::unique_ptr<HttpClient>> agent = co_await ConnectDirectly(*options, client);
  if (!agent) co_return tl::unexpected(std::move(agent.error()));
  std::string path(kAgentApi);
  if (!query.all_namespaces) path += "/namespaces/" + client->config.name_space;
  path += "/pods";
  Result<std::string> list = co_await (*agent)->Get(std::move(path));
  if (!list) {
    const int exit_code = ExitCodeOf(Peer::kAgent, list.error());
    co_return Stop(std::move(list.error()), exit_code);
  }
  Result<std::vector<PodOnNode>> pods = PodsOfAgent(*list);
  if (!pods) co_return Stop(std::move(pods.error()), kExitConnectionLost);
  if (!query.nodes) co_return std::move(*pods);
  Result<std::string> node = NodeOfAgent(*list);
  if (!node) co_return Stop(std::move(node.error()), kExitConnectionLost);
  std::vector<PodOnNode> nodes(1);
  nodes.front().node = std::move(*node);
  co_return nodes;
}

/// The request for the pods of a query.
asio::awaitable<Stage<std::string>> FindPodsPath(HttpClient* cluster, PodsQuery query,
                                                 std::string name_space) {
  if (query.workload.empty()) {
    co_return PodsPath(query.all_namespaces ? std::string() : name_space, query.selector);
  }
  Result<TargetName> target = ParseTargetName(query.workload);
  if (!target) co_return Stop(std::move(target.error()), kExitUsage);
  Result<void> checked = CheckSelectsPods(*target);
  if (!checked) co_return Stop(std::move(checked.error()), kExitUsage);
  Result<std::string> object = co_await cluster->Get(ObjectPath(*target, name_space));
  if (!object) co_return StopAt(Peer::kApiServer, std::move(object.error()));
  Result<std::string> path = SelectedPodsPath(*object, *target, name_space);
  if (!path) co_return Stop(std::move(path.error()), kExitTargetGone);
  co_return std::move(*path);
}

asio::awaitable<Stage<std::vector<PodOnNode>>> FindPodsOfCluster(const PluginOptions* options,
                                                                 const Client* client,
                                                                 PodsQuery query) {
  std::vector<PodOnNode> found;
  if (query.nodes) {
    Stage<std::vector<AgentPod>> agents = co_await FindAgents(options, client);
    if (!agents) co_return tl::unexpected(std::move(agents.error()));
    for (AgentPod& agent : *agents) found.push_back({{}, {}, std::move(agent.node), {}});
    co_return found;
  }
  Stage<ClusterAccess> access = AccessOf(*options, *client);
  if (!access) co_return tl::unexpected(std::move(access.error()));
  Result<std::unique_ptr<HttpClient>> cluster = co_await ConnectCluster(std::move(*access));
  if (!cluster) co_return StopAt(Peer::kApiServer, std::move(cluster.error()));
  Stage<std::string> path = co_await FindPodsPath(cluster->get(), query, client->config.name_space);
  if (!path) co_return tl::unexpected(std::move(path.error()));
  Result<std::string> list = co_await (*cluster)->Get(std::move(*path));
  if (!list && list.error().code == Code::kInvalidArgument) {
    // The API server is who reads selectors.
    Failure wrong = Propagate(std::move(list.error()), "-l");
    co_return Stop(std::move(wrong.value()), kExitUsage);
  }
  if (!list) co_return StopAt(Peer::kApiServer, std::move(list.error()));
  Result<std::vector<Pod>> pods = ParsePodList(*list);
  if (!pods) co_return StopAt(Peer::kApiServer, std::move(pods.error()));
  for (const Pod& pod : *pods) {
    if (pod.phase != "Running" || pod.node_name.empty()) continue;
    PodOnNode one{pod.name_space, pod.name, pod.node_name, {}};
    for (const Container& container : pod.containers) one.containers.push_back(container.name);
    found.push_back(std::move(one));
  }
  co_return found;
}

asio::awaitable<OrExit<std::vector<PodOnNode>>> ReachPods(const PluginOptions* options,
                                                          const Client* client, PodsQuery query) {
  Stage<std::vector<PodOnNode>> pods;
  if (options->agent.empty()) {
    pods = co_await FindPodsOfCluster(options, client, std::move(query));
  } else {
    pods = co_await FindPodsOfAgent(options, client, std::move(query));
  }
  if (!pods) co_return tl::unexpected(Tell(pods.error()));
  co_return std::move(*pods);
}

}  // namespace

Connector MakeConnector(const PluginOptions* options, const Client* client) {
  Connector connector;
  connector.name_space = client->config.name_space;
  connector.to_target = [options, client](std::string target) {
    return ReachTarget(options, client, std::move(target));
  };
  connector.ask_agents = [options, client](Connector::AskAgent ask) {
    return AskAgents(options, client, std::move(ask));
  };
  connector.to_pods = [options, client](PodsQuery query) {
    return ReachPods(options, client, std::move(query));
  };
  connector.to_agent_of = [options, client](ExecParameters parameters) {
    return ReachAgentOf(options, client, std::move(parameters));
  };
  return connector;
}

}  // namespace nsdebug::kubectl
