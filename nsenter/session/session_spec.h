#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "nsenter/namespace.h"
#include "nsenter/profile.h"
#include "nsenter/session/session_cgroup.h"

namespace nsdebug {

/// What the command sees as its file system.
enum class View {
  kToolbox,    ///< our tools around the target's processes and network
  kContainer,  ///< the target's own files and identity, as the runtime's exec gives them
  kHost,       ///< the file system that ns-enter itself sees
};

std::string_view ViewName(View view);
Result<View> ParseView(std::string_view name);

/// What a session joins when no namespace is named. Mount and user namespace follow from the view.
inline constexpr int kSessionNamespaces =
    CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWTIME;

/// Everything about a session but its target: from the command line, or from the agent's plan.
struct SessionSpec {
  View view = View::kToolbox;
  const Profile* profile = nullptr;
  CapabilitySet capabilities = 0;  ///< the profile's, with what was added and dropped
  int namespaces = 0;              ///< CLONE_NEW* of the target to join; mnt is the view's business
  /// Root directory of the toolbox view; nothing: "/", unless the target could look into it.
  std::optional<std::string> tools;

  std::vector<std::string> command;      ///< empty: a shell
  std::vector<std::string> environment;  ///< NAME=VALUE, added to the view's own
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::string> working_directory;

  bool join_target_cgroup = false;  ///< the target's limits instead of ours; always in kContainer
  CgroupLimits limits;
  std::string cgroup_parent = "/ns-debug";  ///< empty: no cgroup of its own
  std::chrono::milliseconds deadline{0};    ///< 0: none

  bool tty = false;
  unsigned short rows = 0;
  unsigned short columns = 0;
};

std::string ToolsRoot(const SessionSpec& spec);

/// What contradicts itself; empty when nothing does.
Result<void> CheckSpec(const SessionSpec& spec);

}  // namespace nsdebug
