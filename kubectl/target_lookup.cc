#include "kubectl/target_lookup.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/text.h"
#include "kubectl/pod_choice.h"
#include "kubectl/workload.h"

namespace nsdebug::kubectl {

namespace {

Stage<Pod> PodOfObject(const std::string& object) {
  Result<Pod> pod = ParsePod(object);
  if (!pod) return StopAt(Peer::kApiServer, std::move(pod.error()));
  return std::move(*pod);
}

/// The first of them in kubectl's order.
Stage<Pod> MostActivePod(const std::string& list, const TargetName& target,
                         const std::string& name_space) {
  Result<std::vector<Pod>> pods = ParsePodList(list);
  if (!pods) return StopAt(Peer::kApiServer, std::move(pods.error()));
  if (pods->empty()) {
    const std::string_view kind = KindName(target.kind);
    return Stop(Error{Code::kFailedPrecondition,
                      fmt::format("{} {} has no pods: `kubectl describe {} {} -n {}` says why",
                                  kind, target.name, kind, target.name, Printable(name_space)),
                      0},
                kExitTargetGone);
  }
  SortByActivity(*pods);
  return std::move(pods->front());
}

}  // namespace

asio::awaitable<Stage<Pod>> LookUpPod(HttpClient* cluster, TargetName target,
                                      std::string name_space, std::string object) {
  if (target.kind == TargetKind::kPod) co_return PodOfObject(object);
  if (target.kind == TargetKind::kCronJob) {
    Result<std::string> jobs = co_await cluster->Get(JobsPath(name_space));
    if (!jobs) co_return StopAt(Peer::kApiServer, std::move(jobs.error()));
    Result<std::string> job = NewestJobOf(*jobs, target.name);
    if (!job) co_return Stop(std::move(job.error()), kExitTargetGone);
    object = std::move(*job);
  }
  Result<std::string> path = SelectedPodsPath(object, target, name_space);
  if (!path) co_return Stop(std::move(path.error()), kExitTargetGone);
  Result<std::string> pods = co_await cluster->Get(std::move(*path));
  if (!pods) co_return StopAt(Peer::kApiServer, std::move(pods.error()));
  co_return MostActivePod(*pods, target, name_space);
}

Stage<Entrance> ChooseEntrance(const Pod& pod, const std::string& wanted, bool is_sandbox) {
  if (is_sandbox) {
    Result<void> runs = CheckSandboxRuns(pod);
    if (!runs) return Stop(std::move(runs.error()), kExitTargetGone);
    return Entrance{};
  }
  Result<ContainerChoice> choice = ChooseContainer(pod, wanted);
  if (!choice) return Stop(std::move(choice.error()), kExitTargetGone);
  Result<void> runs = CheckContainerRuns(pod, choice->container);
  if (!runs) return Stop(std::move(runs.error()), kExitTargetGone);
  return Entrance{choice->container.name, std::move(choice->note)};
}

}  // namespace nsdebug::kubectl
