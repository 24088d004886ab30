#include "agent/pods/pod_list.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace nsdebug {

Result<PodList> ListPods(cri::Runtime* runtime, const std::string& pod_namespace) {
  cri::StringMap labels;
  if (!pod_namespace.empty()) labels["io.kubernetes.pod.namespace"] = pod_namespace;
  Result<std::vector<cri::PodSandbox>> listed =
      runtime->ListPodSandboxes({.id = "", .labels = labels});
  if (!listed) return Propagate(listed.error());
  Result<std::vector<cri::Container>> containers =
      runtime->ListContainers({.id = "", .pod_sandbox_id = "", .labels = labels});
  if (!containers) return Propagate(containers.error());

  // Labels are partly the pod author's; the metadata is the kubelet's. Containers count by the
  // sandbox that they are in.
  std::erase_if(*listed, [&](const cri::PodSandbox& sandbox) {
    return !pod_namespace.empty() && sandbox.pod_namespace != pod_namespace;
  });
  std::unordered_map<std::string, std::vector<cri::Container>> by_sandbox;
  for (cri::Container& container : *containers) {
    std::vector<cri::Container>& of_pod = by_sandbox[container.pod_sandbox_id];
    of_pod.push_back(std::move(container));
  }
  std::vector<cri::PodSandbox> sandboxes = CurrentSandboxes(std::move(*listed));
  std::sort(sandboxes.begin(), sandboxes.end(),
            [](const cri::PodSandbox& one, const cri::PodSandbox& other) {
              return std::tie(one.pod_namespace, one.name, one.uid) <
                     std::tie(other.pod_namespace, other.name, other.uid);
            });
  PodList list;
  list.truncated = sandboxes.size() > kMaxListedPods;
  if (list.truncated) sandboxes.resize(kMaxListedPods);
  for (cri::PodSandbox& sandbox : sandboxes) {
    std::vector<cri::Container> of_pod = std::move(by_sandbox[sandbox.id]);
    list.pods.push_back(MakePod(std::move(sandbox), std::move(of_pod)));
  }
  return list;
}

}  // namespace nsdebug
