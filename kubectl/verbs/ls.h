#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"
#include "kubectl/verbs/output.h"

namespace nsdebug::kubectl {

/// What one agent said of itself and of its node.
struct NodeReport {
  std::string node;
  std::string agent;
  std::string trouble;   ///< why it said nothing
  std::string version;   ///< "v1.2.3"; empty: an agent that does not tell it
  std::string pod_list;  ///< its PodList, or empty
  int exit_code = 0;     ///< of the plugin, for this trouble
};

/// The agents with their health, and the pods on their nodes: of one namespace, or of all. Not 0
/// when an agent could not be asked.
asio::awaitable<int> RunLs(const Connector* connector, bool all_namespaces, OutputFormat format);

/// As it is shown. Pure; kInternal: an answer is not what it must be.
Result<std::string> ShowNodes(const std::vector<NodeReport>& reports, OutputFormat format);

}  // namespace nsdebug::kubectl
