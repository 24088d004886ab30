#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "nsenter/namespace.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// What the command line of ns-enter says, checked as far as that is possible without looking at
/// the system. ns-enter(8) describes every option.
struct Options {
  enum class Action { kRun, kExplain, kHelp, kVersion };
  enum class TargetKind { kNone, kPid, kContainer, kPod, kDocker };

  /// Where a namespace comes from: wanted with an empty source means the target's own.
  struct NamespaceSource {
    bool wanted = false;
    std::string source;  ///< a file, or ":NSID"
  };

  /// --setuid or --setgid.
  struct Id {
    bool follow = false;  ///< the target's
    uint32_t value = 0;
  };

  Action action = Action::kRun;
  bool json = false;
  bool quiet = false;

  TargetKind target_kind = TargetKind::kNone;
  std::string target;     ///< PID[:INODE], container id, NAMESPACE/NAME or Docker name
  std::string container;  ///< of the pod; empty: the default one
  bool sandbox = false;   ///< the pod's own namespaces instead of a container's
  std::string runtime_endpoint;
  std::string docker_host;

  bool all = false;
  std::array<NamespaceSource, kNamespaceTypes.size()> namespaces;
  std::optional<int> net_socket;
  bool user_parent = false;
  int new_namespaces = 0;

  std::optional<Id> setuid;
  std::optional<Id> setgid;
  bool preserve_credentials = false;
  bool keep_caps = false;

  std::optional<std::string> root;               ///< empty: the target's
  std::optional<std::string> working_directory;  ///< empty: the target's
  std::optional<std::string> working_directory_inside;
  bool environment = false;
  bool no_fork = false;
  bool follow_context = false;
  bool join_cgroup = false;

  std::vector<std::string> command;  ///< empty: the shell

  /// Set when this is a session, with a view, a profile and containment, rather than a plain join
  /// as nsenter does it: for pods and containers, unless namespaces are named, and whenever one of
  /// the options of sessions is given.
  std::optional<SessionSpec> session;
  int starter_fd = -1;
  int plan_fd = -1;  ///< the session is told there, and nothing else here
};

/// Parses as getopt_long(3) does: options end at the first other word or at "--", long names may be
/// abbreviated.
Result<Options> ParseOptions(int argc, char* const argv[]);

}  // namespace nsdebug
