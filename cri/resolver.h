#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/target.h"
#include "cri/runtime.h"

namespace nsdebug::cri {

/// A pod as a person names it.
struct PodQuery {
  std::string pod_namespace;
  std::string pod_name;
  std::string container;  ///< empty: the pod's default one
  bool sandbox = false;   ///< the pod's own namespaces instead of a container's
};

/// Finds the process behind the name of a pod or container. The cost of a lookup is a few filtered
/// calls, however many containers the node has. A target is verified: see base/container_process.h.
/// It is without the runtime's name, a call more that only messages to a person need.
///
/// Errors: kNotFound (no such pod or container; says what there is), kFailedPrecondition (it is not
/// running, runs behind a kernel of its own, or the name is ambiguous), kAborted (it changed while
/// we looked), and those of Runtime.
class Resolver {
 public:
  explicit Resolver(Runtime* runtime) : runtime_(runtime) {}

  /// By id or a prefix of one that is unique on this node; "containerd://ID" and the like too.
  Result<Target> ResolveContainer(std::string_view id);

  Result<Target> ResolvePod(const PodQuery& query);

 private:
  Runtime* runtime_;
};

}  // namespace nsdebug::cri
