#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug::kubectl {

/// A pod that a command can run in.
struct PodOnNode {
  std::string name_space;
  std::string name;  ///< empty: the node itself
  std::string node;
  std::vector<std::string> containers;
};

/// Those of an agent's PodList that are up, and the name of its node. kInternal: it is none.
Result<std::vector<PodOnNode>> PodsOfAgent(const std::string& pod_list);
Result<std::string> NodeOfAgent(const std::string& pod_list);

}  // namespace nsdebug::kubectl
