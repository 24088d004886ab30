#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug::kubectl {

enum class ContainerKind { kRegular, kInit, kEphemeral };

/// What the kubelet says about a container.
enum class ContainerState { kUnknown, kWaiting, kRunning, kTerminated };

struct Container {
  std::string name;
  ContainerKind kind = ContainerKind::kRegular;
  ContainerState state = ContainerState::kUnknown;  ///< kUnknown: not told yet
  std::string reason;  ///< of waiting or terminated: "CrashLoopBackOff", "Completed"
  int exit_code = 0;   ///< of terminated
  int restarts = 0;
  bool is_sidecar = false;   ///< an init container that goes on beside the regular ones
  bool has_started = false;  ///< the kubelet's word for it: the next one's turn has come
};

/// The part of a pod that choosing one and entering it needs.
struct Pod {
  std::string name_space;
  std::string name;
  std::string uid;
  std::string node_name;          ///< empty: not assigned
  std::string phase;              ///< "Pending", "Running", "Succeeded", "Failed", "Unknown"
  std::string reason;             ///< why, where somebody says so: "Unschedulable", "Evicted"
  std::string default_container;  ///< annotation kubectl.kubernetes.io/default-container
  std::map<std::string, std::string> labels;
  std::vector<Container> containers;  ///< regular ones, then init, then ephemeral
  bool is_ready = false;
  bool is_terminating = false;
  std::optional<std::chrono::system_clock::time_point> ready_since;
  std::optional<std::chrono::system_clock::time_point> created;
};

/// Reads a Pod of the API server, JSON. kInternal: it is none.
Result<Pod> ParsePod(std::string_view text);

/// Reads a PodList.
Result<std::vector<Pod>> ParsePodList(std::string_view text);

}  // namespace nsdebug::kubectl
