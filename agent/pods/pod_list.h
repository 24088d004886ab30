#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/pods/pod.h"
#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug {

/// Of one answer. Twice what the largest nodes are set up for; the kubelet's default is 110.
inline constexpr size_t kMaxListedPods = 1000;

struct PodList {
  std::vector<Pod> pods;   ///< by namespace, name, uid
  bool truncated = false;  ///< there are more than kMaxListedPods
};

/// What runs on this node, or what of one namespace does (empty: all). Two calls of the runtime,
/// however many pods there are. Pods that have stopped are listed while the runtime knows them.
Result<PodList> ListPods(cri::Runtime* runtime, const std::string& pod_namespace);

}  // namespace nsdebug
