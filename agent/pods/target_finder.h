#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/pods/host_namespaces.h"
#include "agent/pods/target_cache.h"
#include "base/error.h"
#include "base/target.h"
#include "cri/resolver.h"

namespace nsdebug {

struct FoundTarget {
  std::shared_ptr<const Target> target;
  std::optional<HostNamespaces> host_namespaces;  ///< of a pod; the node is all of them
};

/// Finds what an exec enters. Any thread may call, several at a time.
class TargetFinder {
 public:
  /// The runtime outlives this.
  TargetFinder(cri::Runtime* runtime, std::string node_name)
      : runtime_(runtime), node_name_(std::move(node_name)) {}

  /// Blocks. The errors are those of cri::Resolver and FindHostNamespaces().
  Result<FoundTarget> FindPod(const cri::PodQuery& query);

  /// What FindPod() says when that takes no call of the runtime; it does not block then. nullopt:
  /// it takes one.
  std::optional<Result<FoundTarget>> FindPodHere(const cri::PodQuery& query);

  /// Does not block. kNotFound: this is another node.
  Result<FoundTarget> FindNode(const std::string& name) const;

 private:
  static Result<FoundTarget> LookAt(std::shared_ptr<const Target> target);

  cri::Runtime* runtime_;
  const std::string node_name_;
  TargetCache cache_;
};

}  // namespace nsdebug
