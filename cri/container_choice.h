#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug::cri {

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
/// kNotFound lists the names there are.
Result<ContainerChoice> ChooseContainer(const PodSandbox& sandbox,
                                        const std::vector<Container>& containers,
                                        const std::string& name);

}  // namespace nsdebug::cri
