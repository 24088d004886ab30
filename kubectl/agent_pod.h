#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug::kubectl {

/// Where the chart puts the agent unless told otherwise.
inline constexpr std::string_view kAgentNamespace = "ns-debug";
/// The ConfigMap with the certificate of the authority that signs the agents', and its key.
inline constexpr std::string_view kAgentCaName = "ns-debug-ca";
inline constexpr std::string_view kAgentCaKey = "ca.crt";
/// Where the agent's API listens in its pod, and the name in its certificate.
inline constexpr int kAgentPort = 8443;
inline constexpr std::string_view kAgentServerName = "ns-debug-agent";

/// The request for the agents of one node.
std::string AgentPodsPath(std::string_view agent_namespace, std::string_view node);
/// The same for those of all nodes.
std::string AllAgentPodsPath(std::string_view agent_namespace);

/// An agent's pod on some node.
struct AgentPod {
  std::string node;
  std::string name;
  std::string trouble;  ///< empty: it is ready
};

/// Those of a list, by node. Of a node with several, of which one is being rolled out or has
/// failed, it is one that is ready; those without a node, which wait for one, are all there.
/// kNotFound: there are none, and what to install.
Result<std::vector<AgentPod>> ListAgentPods(const std::string& pod_list,
                                            std::string_view agent_namespace);

/// The request for a table of agents, which has some 150 bytes for each where a list has 6 KiB. It
/// can be sent before the node is known, and has all agents of clusters of at most 500 nodes; of
/// larger ones the first.
std::string AgentPodTablePath(std::string_view agent_namespace);
/// The header Accept of that request.
inline constexpr std::string_view kAcceptAgentPodTable =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// The agent of a node in such a table, if it is there and ready. The columns are made for people,
/// and a server may have others: then there is none.
std::optional<std::string> FindAgentPod(const std::string& pod_table, std::string_view node);

/// The request for the CA of the agents. It goes with the first questions of each connection and is
/// not cached: that would save no round trip, and could trust an authority that was replaced.
std::string AgentCaPath(std::string_view agent_namespace);

/// The agent among the pods of a list (JSON as the API server gives it): the one that is ready.
/// kNotFound: there is none, and what to install; kFailedPrecondition: there is one that is not
/// ready, and why, from its status (image pull, crash, not scheduled).
Result<std::string> ChooseAgentPod(const std::string& pod_list, std::string_view agent_namespace,
                                   std::string_view node);

/// The PEM in the ConfigMap. kInternal: it is not there.
Result<std::string> AgentCaOf(const std::string& config_map);

}  // namespace nsdebug::kubectl
