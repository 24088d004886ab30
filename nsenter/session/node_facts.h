#pragma once

#include <vector>

#include "base/error.h"
#include "base/security_label.h"
#include "nsenter/cgroup.h"

namespace nsdebug {

/// What a session has to know of its node, whatever its plan is: an ns-enter that waits for one
/// finds it out before.
struct NodeFacts {
  Result<std::vector<CgroupMount>> cgroup_mounts;  ///< see FindNodeCgroupMounts()
  SecurityModules security_modules;
  int namespaces = 0;  ///< CLONE_NEW* of the kinds that its kernel has
};

/// Joins the node's cgroup namespace, where it has to.
NodeFacts FindNodeFacts();

}  // namespace nsdebug
