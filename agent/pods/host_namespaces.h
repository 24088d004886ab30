#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/target.h"

namespace nsdebug {

struct TargetNamespace {
  std::string_view kind;  ///< its name in /proc/PID/ns: "net", "pid", ...
  uint64_t inode = 0;     ///< what lsns(8) shows; 0: the target has no file of this kind
  bool is_nodes = false;  ///< the node's own
};

/// Which of its namespaces a target shares with the node.
struct HostNamespaces {
  std::vector<TargetNamespace> namespaces;  ///< one of each kind, in the order of kNamespaceKinds

  bool Shares(std::string_view kind) const;

  /// Whether a session in the target is one on the node, for which its caller needs nodes/exec: it
  /// is in the node's network, PID, IPC or mount namespace. `joined` are the kinds (CLONE_NEW*)
  /// that the session takes from the target; one that it does not take it keeps from the agent,
  /// which is the node as far as the caller goes. The mount namespace counts whenever the target
  /// shares it, since the view decides about it. The user and the cgroup namespace are the node's
  /// in ordinary pods too, and UTS follows the network in Kubernetes.
  bool RequiresNodeAccess(int joined = ~0) const;
};

/// Decided by the kernel's identity of each namespace file (device and inode), never by what the
/// runtime or the pod says of itself.
///
/// A target that is known by namespace files alone has no namespace of the other kinds; a session
/// in it keeps those that it starts with, which are the node's: they count as the node's.
///
/// Fails closed: a namespace that cannot be looked at is an error, never "its own". kAborted (the
/// process has exited), kPermissionDenied (says what the agent lacks), kFailedPrecondition (the
/// agent does not see the node's init). `init` is where the node's init is in /proc.
Result<HostNamespaces> FindHostNamespaces(const Target& target,
                                          const std::string& init = "/proc/1");

}  // namespace nsdebug
