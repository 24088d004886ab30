#pragma once

#include <string>

#include "kubectl/pod.h"
#include "kubectl/stage.h"
#include "kubectl/target.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// The pod that a target stands for, from the target's own object, which may be a pod, as the API
/// server gave it: the pod itself, else the one of its pods that kubectl enters.
asio::awaitable<Stage<Pod>> LookUpPod(HttpClient* cluster, TargetName target,
                                      std::string name_space, std::string object);

/// What is entered of a pod.
struct Entrance {
  std::string container;  ///< empty: the pod itself, by its sandbox
  std::string note;       ///< for stderr; kubectl's "Defaulted container ..."; empty: nothing
};

/// Chooses the container, and refuses what cannot be entered as it is. `wanted` may be empty.
Stage<Entrance> ChooseEntrance(const Pod& pod, const std::string& wanted, bool is_sandbox);

}  // namespace nsdebug::kubectl
