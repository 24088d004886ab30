#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
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
  int exit_code = 0;                  ///< what stands for the trouble
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
  /// Calls `ask` with each agent and its place among them, some at a time. The connection ends with
  /// the call: of thousands only few are open, and none waits for others until its agent closes it.
  using AskAgent = std::function<asio::awaitable<void>(size_t index, ReachedAgent* agent)>;
  std::function<asio::awaitable<OrExit<void>>(AskAgent ask)> ask_agents;
  std::function<asio::awaitable<OrExit<std::vector<PodOnNode>>>(PodsQuery query)> to_pods;
  /// The agent for these parameters. Of many targets one is no reason to end: it says nothing.
  using AgentOf = tl::expected<std::unique_ptr<HttpClient>, NotRun>;
  std::function<asio::awaitable<AgentOf>(ExecParameters parameters)> to_agent_of;
  std::string name_space;  ///< of -n or the kubeconfig
};

/// What all agents answer, in their order.
template <class Answer>
asio::awaitable<OrExit<std::vector<Answer>>> AnswersOfAgents(
    const Connector* connector, std::function<asio::awaitable<Answer>(ReachedAgent*)> ask) {
  std::map<size_t, Answer> answers;
  Connector::AskAgent note = [&answers, &ask](size_t index,
                                              ReachedAgent* agent) -> asio::awaitable<void> {
    Answer answer = co_await ask(agent);
    answers.emplace(index, std::move(answer));
  };
  OrExit<void> asked = co_await connector->ask_agents(std::move(note));
  if (!asked) co_return tl::unexpected(asked.error());
  std::vector<Answer> in_order;
  for (auto& [index, answer] : answers) in_order.push_back(std::move(answer));
  co_return in_order;
}

}  // namespace nsdebug::kubectl
