#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/target.h"
#include "base/unique_fd.h"
#include "nsenter/cgroup.h"
#include "nsenter/credentials.h"
#include "nsenter/namespace.h"
#include "nsenter/options.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

/// One namespace to join.
struct NamespaceJoin {
  const NamespaceType* type;
  UniqueFd fd;         ///< invalid: the target's own, through its pidfd
  std::string object;  ///< for messages: "pid 4242", "/run/netns/blue"
};

/// Everything ns-enter is going to do. Whatever can be opened or refused is, while the plan is
/// made, before any namespace is switched; the steps that carry it out (enter.cc) only execute it.
struct Plan {
  std::optional<ProcessHandle> process;
  std::vector<NamespaceJoin> joins;  ///< in the order of kNamespaceTypes
  int new_namespaces = 0;
  bool fork = false;

  UniqueFd root;
  UniqueFd working_directory;
  std::optional<std::string> working_directory_inside;
  std::optional<std::vector<std::string>> environment;  ///< replaces ours
  CredentialPlan credentials;
  std::vector<CgroupMembership> cgroups;
  std::string exec_context;  ///< SELinux context for the exec; empty: none

  std::vector<std::string> command;  ///< empty: the shell

  /// Which kinds are joined, as CLONE_NEW* flags.
  int JoinedFlags() const;
};

/// Makes the plan for these options and this target, whose pidfd it takes over.
Result<Plan> MakePlan(const Options& options, Target* target);

}  // namespace nsdebug
