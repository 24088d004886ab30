#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug::kubectl {

/// What TARGET may name. Everything but a pod and a node stands for one of its pods.
enum class TargetKind {
  kPod,
  kDeployment,
  kReplicaSet,
  kStatefulSet,
  kDaemonSet,
  kJob,
  kCronJob,
  kService,
  kNode,
};

/// "deployment", for messages and paths of their own: the singular that kubectl prints.
std::string_view KindName(TargetKind kind);

struct TargetName {
  TargetKind kind = TargetKind::kPod;
  std::string name;
};

/// Where the API has it: "/apis/apps/v1/namespaces/shop/deployments/web". A node is in no
/// namespace.
std::string ObjectPath(const TargetName& target, std::string_view name_space);

/// Parses `POD` and `TYPE/NAME` with every name of a type that kubectl takes: singular, plural and
/// short, in any case, with its group (deployment.apps/x) and version (deployments.v1.apps/x).
/// kInvalidArgument with kubectl's words where it has some.
Result<TargetName> ParseTargetName(std::string_view argument);

}  // namespace nsdebug::kubectl
