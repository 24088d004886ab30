#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/view/target_tree.h"

namespace nsdebug {

/// The toolbox view: the tools of one root directory, with the target's processes, network and
/// files around them.
struct ToolboxView {
  std::string tools = "/";  ///< the root directory that the tools come from
  UniqueFd target_tree;     ///< shown at /target; invalid: the target has no file system to show
  PodFiles pod_files;
  bool unrestricted = false;      ///< a profile that may do everything: /proc is not masked
  bool network_settings = false;  ///< /proc/sys/net is writable
};

/// What was built.
struct ToolboxFacts {
  bool writable = true;  ///< false: overlayfs was refused, the tools are bound read-only
};

/// Makes the view and enters it. The caller must be in the target's PID and network namespaces,
/// with one thread and all privileges; its mount namespace becomes a new private one whose root is
/// the view. Of the old root nothing stays reachable: neither its submounts (service account, keys,
/// sockets, host paths) nor itself, or, where pivot_root(2) is refused, only the bare directory
/// that the view covers.
///
/// Everything a session writes lies in a tmpfs of that mount namespace and goes with it.
Result<ToolboxFacts> EnterToolbox(const ToolboxView& view);

/// Whether overlayfs takes `tools` as a layer here; tried in a child process, in a mount namespace
/// that ends with it.
bool CanOverlay(const std::string& tools);

}  // namespace nsdebug
