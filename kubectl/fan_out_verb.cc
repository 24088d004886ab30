#include "kubectl/fan_out_verb.h"

#include <utility>
#include <vector>

#include "kubectl/destination.h"
#include "kubectl/fan_out/fan_out.h"
#include "kubectl/stage.h"

namespace nsdebug::kubectl {

asio::awaitable<int> RunFanOutVerb(const PluginOptions* options, const Connector* connector) {
  PodsQuery query;
  query.selector = options->verb.selector;
  query.all_namespaces = options->verb.all_namespaces;
  query.nodes = options->verb.all_nodes;
  if (options->verb.all_pods) query.workload = options->target;
  OrExit<std::vector<PodOnNode>> targets = co_await connector->to_pods(std::move(query));
  if (!targets) co_return targets.error();
  if (targets->empty()) {
    const Failure none = Fail(Code::kNotFound, "no running pods are chosen by that");
    const Stopped stopped{none.value(), kExitTargetGone, {}};
    co_return Tell(stopped);
  }
  const FanOutOptions fan_out{options->verb.max_parallel, !options->verb.output.empty(),
                              options->quiet};
  ExecParameters parameters = ParametersOf(*options);
  co_return co_await RunFanOut(connector, std::move(*targets), std::move(parameters), fan_out);
}

}  // namespace nsdebug::kubectl
