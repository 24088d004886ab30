#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "nsenter/options.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

/// Which user the command becomes, decided before anything is entered.
struct CredentialPlan {
  std::optional<Options::Id> uid;
  std::optional<Options::Id> gid;
  bool drop_groups = false;  ///< supplementary groups
  bool keep_caps = false;    ///< carry the permitted set over the change of user and the exec
};

/// nsenter's rules with one deliberate difference, see ns-enter(8): joining a user namespace means
/// root of it unless --preserve-credentials; --setuid alone takes the group of the same number, or
/// the target's with "follow", and drops the supplementary groups.
CredentialPlan PlanCredentials(const Options& options, bool joins_user_namespace);

/// Drops the supplementary groups before the user namespace is joined, where that still is allowed.
/// Returns whether it worked: after the join it may not be (setgroups "deny").
bool DropGroupsEarly(const CredentialPlan& plan);

/// Becomes the planned user. "follow" means that of the target, which may be null without it, as
/// seen from the user namespace joined meanwhile; kAborted when it has exited. Needs a
/// single-threaded process.
Result<void> ApplyCredentials(const CredentialPlan& plan, const ProcessHandle* target,
                              bool groups_dropped);

}  // namespace nsdebug
