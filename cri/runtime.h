#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace nsdebug::cri {

/// Labels, annotations and `info` of CRI messages. Values may be anything a pod's author wrote.
using StringMap = std::map<std::string, std::string>;

struct Version {
  std::string runtime_name;  ///< "containerd", "cri-o", "docker"
  std::string runtime_version;
};

enum class SandboxState { kReady, kNotReady };

/// One pod sandbox. Kubelet writes the metadata; labels and annotations are the pod author's own.
struct PodSandbox {
  std::string id;
  std::string name;
  std::string uid;
  std::string pod_namespace;
  uint32_t attempt = 0;
  SandboxState state = SandboxState::kNotReady;
  int64_t created_at = 0;  ///< nanoseconds since 1970
  StringMap annotations;
  std::string runtime_handler;  ///< empty when the runtime does not tell it (CRI-O never does)
};

struct PodSandboxStatus {
  PodSandbox sandbox;
  StringMap info;  ///< only filled by verbose calls, and empty on cri-dockerd
};

enum class ContainerState { kCreated, kRunning, kExited, kUnknown };

struct Container {
  std::string id;
  std::string pod_sandbox_id;
  std::string name;
  uint32_t attempt = 0;
  ContainerState state = ContainerState::kUnknown;
  int64_t created_at = 0;  ///< nanoseconds since 1970; cri-dockerd lists whole seconds
  StringMap annotations;
};

struct ContainerStatus {
  Container container;      ///< without pod_sandbox_id, which the CRI does not tell here
  int64_t finished_at = 0;  ///< nanoseconds since 1970; zero or negative means not finished
  int32_t exit_code = 0;
  std::string reason;
  StringMap info;  ///< only filled by verbose calls
};

/// Empty members do not filter. Runtimes match labels exactly and all of them, and an id also by a
/// prefix when that is unique; an ambiguous prefix lists nothing.
struct SandboxFilter {
  std::string id;
  StringMap labels;
};

struct ContainerFilter {
  std::string id;
  std::string pod_sandbox_id;
  StringMap labels = {};
};

/// The container runtime of this node. An interface only so that tests can stand in for it.
/// Every call returns within a deadline. Errors: kNotFound, kUnavailable (not there, refuses),
/// kDeadlineExceeded, kUnimplemented, or the code that fits the runtime's own answer.
class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual Result<Version> GetVersion() = 0;
  virtual Result<std::vector<PodSandbox>> ListPodSandboxes(const SandboxFilter& filter) = 0;
  virtual Result<PodSandboxStatus> GetPodSandboxStatus(const std::string& id) = 0;
  virtual Result<std::vector<Container>> ListContainers(const ContainerFilter& filter) = 0;
  virtual Result<ContainerStatus> GetContainerStatus(const std::string& id) = 0;
};

}  // namespace nsdebug::cri
