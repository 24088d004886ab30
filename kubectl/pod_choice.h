#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kubectl/pod.h"

namespace nsdebug::kubectl {

/// Orders the pods of a workload as `kubectl exec` does (ActivePods of kubectl's podutils,
/// reversed): assigned to a node, running, ready, ready for longest, restarted least, oldest. The
/// first is the one that it enters.
void SortByActivity(std::vector<Pod>& pods);

/// The container that is meant, and what to print on standard error about it; empty for nothing.
struct ContainerChoice {
  Container container;
  std::string note;
};

/// `wanted`, of any kind; when it is empty the default container of the annotation, else the first,
/// with kubectl's note if there are others. kNotFound: no such container.
Result<ContainerChoice> ChooseContainer(const Pod& pod, std::string_view wanted);

/// Whether a command can run in that container now; the message of a refusal says what can be done
/// instead. kFailedPrecondition for all of them.
Result<void> CheckContainerRuns(const Pod& pod, const Container& container);

/// The same for the pod's sandbox (--sandbox), which needs no container that runs.
Result<void> CheckSandboxRuns(const Pod& pod);

}  // namespace nsdebug::kubectl
