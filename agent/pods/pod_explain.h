#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/pods/host_namespaces.h"
#include "agent/pods/pod.h"
#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug {

struct ProcessUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// What a session would find that enters a container, or the sandbox itself.
struct Entry {
  std::string refusal;  ///< why it cannot be entered; empty: it can
  pid_t pid = 0;        ///< the node's number; 0: refused, or a sandbox without a process
  std::optional<ProcessUser> user;  ///< of the process, in the node's numbers
  std::string security_label;  ///< of the process; empty on a node without AppArmor and SELinux
  HostNamespaces namespaces;   ///< empty when it cannot be entered
};

struct PodExplanation {
  Pod pod;
  Entry sandbox;
  std::vector<Entry> containers;  ///< one for each of `pod.containers`
};

/// Looks at one pod as exec would. What is wrong with one container is its refusal and no failure
/// of the answer, and a pod whose containers all wait still has its sandbox. Once the runtime does
/// not answer, the rest is not asked for. `init`: see FindHostNamespaces.
Result<PodExplanation> ExplainPod(cri::Runtime* runtime, const std::string& pod_namespace,
                                  const std::string& name, const std::string& init = "/proc/1");

}  // namespace nsdebug
