#include "nsenter/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "base/process.h"

namespace nsdebug {

namespace {

/// Permitted -> inheritable -> ambient, so that the exec of a user other than root keeps them
/// (capabilities(7)).
Result<void> RaiseAmbient() {
  std::unique_ptr<void, int (*)(void*)> owner(::cap_get_proc(), ::cap_free);
  auto caps = static_cast<cap_t>(owner.get());
  if (caps == nullptr) return FailErrno("read capabilities");
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    cap_flag_value_t permitted = CAP_CLEAR;
    if (::cap_get_flag(caps, cap, CAP_PERMITTED, &permitted) != 0 || permitted == CAP_CLEAR)
      continue;
    ::cap_set_flag(caps, CAP_INHERITABLE, 1, &cap, CAP_SET);
    ::cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET);
  }
  if (::cap_set_proc(caps) != 0) return FailErrno("keep capabilities: capset");
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    cap_flag_value_t permitted = CAP_CLEAR;
    if (::cap_get_flag(caps, cap, CAP_PERMITTED, &permitted) != 0 || permitted == CAP_CLEAR)
      continue;
    if (::cap_set_ambient(cap, CAP_SET) != 0) {
      return FailErrno(fmt::format("keep capabilities: raise ambient capability {}", cap));
    }
  }
  return {};
}

}  // namespace

CredentialPlan PlanCredentials(const Options& options, bool joins_user_namespace) {
  CredentialPlan plan;
  plan.uid = options.setuid;
  plan.gid = options.setgid;
  const bool defaults = !options.preserve_credentials;
  if (defaults && joins_user_namespace) {
    if (!plan.uid) plan.uid = Options::Id{};
    if (!plan.gid && !options.setuid) plan.gid = Options::Id{};
  }
  // Without this a command told to be user 1000 would keep root's group and all its groups.
  if (defaults && !plan.gid) plan.gid = options.setuid;
  plan.drop_groups = plan.gid.has_value();
  plan.keep_caps = options.keep_caps && joins_user_namespace;
  return plan;
}

bool DropGroupsEarly(const CredentialPlan& plan) {
  return plan.drop_groups && ::setgroups(0, nullptr) == 0;
}

Result<void> ApplyCredentials(const CredentialPlan& plan, const ProcessHandle* target,
                              bool groups_dropped) {
  struct stat owner {};
  if ((plan.uid && plan.uid->follow) || (plan.gid && plan.gid->follow)) {
    // The directory's owner is the effective user even of a process that is not dumpable.
    if (target == nullptr || ::fstatat(target->proc(), "", &owner, AT_EMPTY_PATH) != 0) {
      return FailErrno("find the user of the target process");
    }
    // Of one that is gone the kernel says that it is root's.
    if (HasExited(target->pidfd())) {
      return Fail(Code::kAborted, fmt::format("process {} has exited", target->pid()));
    }
  }
  if (plan.keep_caps && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) {
    return FailErrno("keep capabilities: prctl");
  }
  // Fails in a user namespace with setgroups "deny"; fine when they were dropped before the join.
  if (plan.drop_groups && ::setgroups(0, nullptr) != 0 && !groups_dropped) {
    return FailErrno("drop supplementary groups");
  }
  if (plan.gid) {
    const gid_t gid = plan.gid->follow ? owner.st_gid : plan.gid->value;
    if (::setresgid(gid, gid, gid) != 0) return FailErrno(fmt::format("set group {}", gid));
  }
  if (plan.uid) {
    const uid_t uid = plan.uid->follow ? owner.st_uid : plan.uid->value;
    if (::setresuid(uid, uid, uid) != 0) return FailErrno(fmt::format("set user {}", uid));
  }
  if (plan.keep_caps) return RaiseAmbient();
  return {};
}

}  // namespace nsdebug
