#include "kubectl/agent_route.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>
#include <vector>

#include "kubectl/agent_connection.h"
#include "kubectl/agent_pod.h"
#include "kubectl/target_lookup.h"
#include "kubectl/transport/port_forward.h"

namespace nsdebug::kubectl {

namespace {

/// What is asked before anything is known.
struct FirstAnswers {
  Result<std::string> ca;      ///< the agents' ConfigMap
  Result<std::string> agents;  ///< a table of them; of a node its own
  Result<std::string> object;  ///< the target's; of a node nobody needs one
};

asio::awaitable<FirstAnswers> AskFirst(HttpClient* cluster, const RouteRequest* request,
                                       std::string name_space) {
  std::vector<HttpClient::Question> questions;
  questions.push_back({AgentCaPath(request->agent_namespace)});
  const bool is_node = request->target.kind == TargetKind::kNode;
  if (is_node) {
    questions.push_back({AgentPodsPath(request->agent_namespace, request->target.name)});
  } else {
    questions.push_back(
        {AgentPodTablePath(request->agent_namespace), std::string(kAcceptAgentPodTable)});
    questions.push_back({ObjectPath(request->target, name_space)});
  }
  std::vector<Result<std::string>> answers = co_await cluster->GetAll(std::move(questions));
  FirstAnswers first;
  first.ca = std::move(answers[0]);
  first.agents = std::move(answers[1]);
  if (!is_node) first.object = std::move(answers[2]);
  co_return first;
}

/// The pod and container are noted in the parameters; the node that they are on.
asio::awaitable<Stage<std::string>> FindNode(HttpClient* cluster, const RouteRequest* request,
                                             Result<std::string>* object,
                                             ExecParameters* parameters) {
  if (!*object) co_return StopAt(Peer::kApiServer, std::move(object->error()));
  Stage<Pod> pod =
      co_await LookUpPod(cluster, request->target, parameters->pod_namespace, std::move(**object));
  if (!pod) co_return tl::unexpected(std::move(pod.error()));
  Stage<Entrance> entrance = ChooseEntrance(*pod, parameters->container, parameters->sandbox);
  if (!entrance) co_return tl::unexpected(std::move(entrance.error()));
  if (!entrance->note.empty() && !request->quiet) {
    std::fprintf(stderr, "%s\n", entrance->note.c_str());
  }
  parameters->pod = pod->name;
  parameters->container = std::move(entrance->container);
  co_return std::move(pod->node_name);
}

asio::awaitable<Stage<std::string>> FindAgent(HttpClient* cluster, const RouteRequest* request,
                                              Result<std::string>* agents,
                                              const std::string* node) {
  if (!*agents) co_return StopAt(Peer::kApiServer, std::move(agents->error()));
  if (request->target.kind != TargetKind::kNode) {
    if (std::optional<std::string> found = FindAgentPod(**agents, *node)) {
      co_return std::move(*found);
    }
    // It is on a later page, or something is wrong with it, of which the whole pod tells.
    *agents = co_await cluster->Get(AgentPodsPath(request->agent_namespace, *node));
    if (!*agents) co_return StopAt(Peer::kApiServer, std::move(agents->error()));
  }
  Result<std::string> chosen = ChooseAgentPod(**agents, request->agent_namespace, *node);
  if (!chosen) co_return Stop(std::move(chosen.error()), kExitAgentMissing);
  co_return std::move(*chosen);
}

/// What is wrong with certificates and URLs shows here, before anybody has answered.
tl::unexpected<Stopped> StopAtConnecting(Error error) {
  if (error.code != Code::kInvalidArgument) return StopAt(Peer::kApiServer, std::move(error));
  return tl::unexpected(Stopped{std::move(error), kExitClientConfig, AdviceFor(kExitClientConfig)});
}

/// The error of a route that leads to no agent: what is missing here is not the target.
tl::unexpected<Stopped> StopOnTheWay(Error error) {
  const bool is_missing = error.code == Code::kNotFound || error.code == Code::kFailedPrecondition;
  if (!is_missing) return StopAt(Peer::kApiServer, std::move(error));
  return tl::unexpected(Stopped{std::move(error), kExitAgentMissing, AdviceFor(kExitAgentMissing)});
}

/// The error of TLS with an agent. The way there was opened, and nothing was sent yet.
tl::unexpected<Stopped> StopAtAgent(Error error) {
  constexpr std::string_view kSeeCa =
      "nothing was sent: see that ConfigMap ns-debug-ca has the authority of the agents' "
      "certificates, and that the agents have taken up theirs";
  if (error.code == Code::kInvalidArgument) {
    return tl::unexpected(Stopped{std::move(error), kExitClientConfig, kSeeCa});
  }
  return tl::unexpected(Stopped{std::move(error), kExitAgentMissing, AdviceFor(kExitAgentMissing)});
}

asio::awaitable<Stage<std::unique_ptr<HttpClient>>> OpenAgent(std::unique_ptr<HttpClient> cluster,
                                                              const RouteRequest* request,
                                                              std::string pod, std::string ca) {
  Result<std::unique_ptr<ByteStream>> stream = co_await PortForward::Open(
      std::move(cluster), request->agent_namespace, std::move(pod), kAgentPort);
  if (!stream) co_return StopOnTheWay(std::move(stream.error()));
  Result<std::unique_ptr<HttpClient>> agent = co_await StartAgentSession(
      std::move(*stream), std::string(kAgentServerName), std::move(ca), request->access.credential,
      request->access.timeout, request->access.log);
  if (!agent) co_return StopAtAgent(std::move(agent.error()));
  co_return std::move(*agent);
}

}  // namespace

asio::awaitable<Stage<std::unique_ptr<HttpClient>>> ConnectThroughCluster(
    RouteRequest request, ExecParameters* parameters) {
  Result<std::unique_ptr<HttpClient>> cluster = co_await ConnectCluster(request.access);
  if (!cluster) co_return StopAtConnecting(std::move(cluster.error()));
  FirstAnswers first = co_await AskFirst(cluster->get(), &request, parameters->pod_namespace);
  if (request.target.kind == TargetKind::kNode) {
    parameters->node = request.target.name;
  } else {
    Stage<std::string> node =
        co_await FindNode(cluster->get(), &request, &first.object, parameters);
    if (!node) co_return tl::unexpected(std::move(node.error()));
    parameters->node = std::move(*node);
  }
  Stage<std::string> agent_pod =
      co_await FindAgent(cluster->get(), &request, &first.agents, &parameters->node);
  if (!agent_pod) co_return tl::unexpected(std::move(agent_pod.error()));
  if (!first.ca) co_return StopOnTheWay(std::move(first.ca.error()));
  Result<std::string> ca = AgentCaOf(*first.ca);
  if (!ca) co_return Stop(std::move(ca.error()), kExitAgentMissing);
  Stage<std::unique_ptr<HttpClient>> agent =
      co_await OpenAgent(std::move(*cluster), &request, std::move(*agent_pod), std::move(*ca));
  co_return agent;
}

}  // namespace nsdebug::kubectl
