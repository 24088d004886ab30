#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "kubectl/exec/exec_path.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"
#include "kubectl/verbs/pod_on_node.h"

namespace nsdebug::kubectl {

/// A thing, or the exit code of the plugin, which has said why on stderr.
template <class T>
using OrExit = tl::expected<T, int>;

/// Why a command did not run, and the exit code that stands for it.
struct NotRun {
  Error error;
  int exit_code = 0;
};

/// What a TARGET came to.
struct ReachedTarget {
  std::unique_ptr<HttpClient> agent;
  ExecParameters parameters;
};

/// One of the agents of a cluster, or the one of --agent.
struct ReachedAgent {
  std::string node;                   ///< empty: not known, with --agent
  std::string name;                   ///< of its pod, or the URL of --agent
  std::string trouble;                ///< why it cannot be asked
  std::unique_ptr<HttpClient> agent;  ///< null when there is trouble
};

/// Some pods, or the nodes.
struct PodsQuery {
  std::string workload;  ///< TYPE/NAME; empty: any
  std::string selector;  ///< of labels, as kubectl takes it; empty: any
  bool all_namespaces = false;
  bool nodes = false;  ///< the nodes themselves
};

/// How the verbs reach agents. Straight or through the API server is for who fills this in; each
/// call makes connections of its own. It outlives what the calls return.
struct Connector {
  std::function<asio::awaitable<OrExit<ReachedTarget>>(std::string target)> to_target;
  std::function<asio::awaitable<OrExit<std::vector<ReachedAgent>>>()> to_agents;
  std::function<asio::awaitable<OrExit<std::vector<PodOnNode>>>(PodsQuery query)> to_pods;
  /// The agent for these parameters. Of many targets one is no reason to end: it says nothing.
  using AgentOf = tl::expected<std::unique_ptr<HttpClient>, NotRun>;
  std::function<asio::awaitable<AgentOf>(ExecParameters parameters)> to_agent_of;
  std::string name_space;  ///< of -n or the kubeconfig
};

}  // namespace nsdebug::kubectl
