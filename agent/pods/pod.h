#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug {

/// Of one pod. Kubernetes has no limit; what a person reads has.
inline constexpr size_t kMaxPodContainers = 100;

/// A pod of this node as the container runtime lists it. All strings are the runtime's, unchecked:
/// what is made of them is bounded and made valid by the functions below.
struct Pod {
  cri::PodSandbox sandbox;                 ///< the ready one, else the latest
  std::vector<cri::Container> containers;  ///< the latest attempt of each name, oldest name first
  bool truncated = false;                  ///< it has more containers than kMaxPodContainers
};

/// One sandbox for each pod: after a restart the runtime still lists those before.
std::vector<cri::PodSandbox> CurrentSandboxes(std::vector<cri::PodSandbox> sandboxes);

/// A pod of the containers that the runtime lists for its sandbox.
Pod MakePod(cri::PodSandbox sandbox, std::vector<cri::Container> containers);

/// Two filtered calls. A pod that has stopped is found too; of several under one name (the old one
/// still ends while its successor starts) the ready one. kNotFound, and the errors of Runtime.
Result<Pod> FindPod(cri::Runtime* runtime, const std::string& pod_namespace,
                    const std::string& name);

/// "app", "init", "ephemeral"; empty where the kubelet does not tell.
std::string KindOf(const cri::Container& container);

/// "created", "running", "exited", "unknown".
std::string StateName(cri::ContainerState state);

/// No string of a runtime is shown longer than this; Kubernetes' own names are shorter.
inline constexpr size_t kMaxShownBytes = 1024;
std::string Bounded(const std::string& text);

/// RFC 3339 in UTC, whole seconds, as Kubernetes writes times; empty for zero and before 1970.
std::string TimeText(int64_t nanoseconds);

}  // namespace nsdebug
