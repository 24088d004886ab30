#include "agent/pods/target_finder.h"

#include <fmt/format.h>

#include <utility>

#include "base/process.h"
#include "base/text.h"

namespace nsdebug {

namespace {

constexpr pid_t kNodeInit = 1;

}  // namespace

Result<FoundTarget> TargetFinder::FindPod(const cri::PodQuery& query) {
  Result<Target> resolved = cri::Resolver(runtime_).ResolvePod(query);
  if (!resolved) return Propagate(std::move(resolved.error()));
  auto target = std::make_shared<const Target>(std::move(*resolved));
  cache_.Keep(query, target);
  return LookAt(std::move(target));
}

std::optional<Result<FoundTarget>> TargetFinder::FindPodHere(const cri::PodQuery& query) {
  std::shared_ptr<const Target> kept = cache_.Find(query);
  if (!kept) return std::nullopt;
  return LookAt(std::move(kept));
}

/// Each time anew: a process may change its namespaces. What /proc tells of them takes no lock that
/// the process could hold.
Result<FoundTarget> TargetFinder::LookAt(std::shared_ptr<const Target> target) {
  Result<HostNamespaces> host_namespaces = FindHostNamespaces(*target);
  if (!host_namespaces) return Propagate(std::move(host_namespaces.error()));
  return FoundTarget{std::move(target), std::move(*host_namespaces)};
}

Result<FoundTarget> TargetFinder::FindNode(const std::string& name) const {
  if (name != node_name_) {
    return Fail(Code::kNotFound,
                fmt::format("this agent is on node {}, not {}", node_name_, Printable(name)));
  }
  Result<UniqueFd> pidfd = OpenPidfd(kNodeInit);
  if (!pidfd) return Propagate(std::move(pidfd.error()));
  auto target = std::make_shared<Target>();
  target->pidfd = std::move(*pidfd);
  target->pid = kNodeInit;
  return FoundTarget{std::move(target), std::nullopt};
}

}  // namespace nsdebug
