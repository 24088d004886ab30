#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug::cri {

/// How many names a message lists. Pods have a handful of containers; a message is one line.
inline constexpr size_t kMaxListedNames = 10;

/// What the kubelet says a container is: "container" (of the app), "init", "ephemeral"; empty where
/// it does not tell: older ones never do.
std::string ContainerType(const Container& container);

/// One container a name, in the order in which the names first appeared: of several attempts the
/// running one, else the latest.
std::vector<Container> LatestAttempts(std::vector<Container> containers);

struct ContainerChoice {
  Container container;
  std::string note;  ///< for the person, when there were others to choose from
};

/// Which container of a pod is meant: the one of that name, else the one that the annotation
/// kubectl.kubernetes.io/default-container names, else the first of the app containers, as kubectl
/// has it. The CRI does not tell the order of the pod's spec, so "first" is the one created first
/// among the running ones; init and ephemeral containers are left aside where the kubelet says
/// which they are. Of several attempts under one name the running one counts, else the latest.
///
/// kNotFound lists the names there are, at most kMaxListedNames of them.
Result<ContainerChoice> ChooseContainer(const PodSandbox& sandbox,
                                        const std::vector<Container>& containers,
                                        const std::string& name);

}  // namespace nsdebug::cri
