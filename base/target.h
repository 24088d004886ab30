#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace nsdebug {

/// One namespace known by its file instead of by a process.
struct NamespaceHandle {
  std::string kind;  ///< the name in /proc/PID/ns: "net", "ipc", "uts", "user", ...
  std::string path;  ///< where it was opened, for messages
  UniqueFd fd;
};

/// What the name of a pod or container stands for on this node, right now. Either `pidfd` is valid
/// and was proven to be a process of the container, or `namespaces` is not empty: a pod sandbox
/// without a process (CRI-O drops the infra container) is known by its pinned namespaces alone.
struct Target {
  UniqueFd pidfd;
  pid_t pid = 0;
  std::vector<NamespaceHandle> namespaces;

  std::string runtime;  ///< "containerd", "cri-o", "docker", as it calls itself; empty: not asked
  std::string pod_namespace;
  std::string pod_name;
  std::string container_name;  ///< empty for the sandbox itself
  std::string container_id;    ///< full id; the sandbox's own for a sandbox
  std::string process_spec;    ///< the process object of its OCI runtime spec as JSON; may be empty
  std::string note;            ///< one line for the person, e.g. which container was chosen and why
};

}  // namespace nsdebug
