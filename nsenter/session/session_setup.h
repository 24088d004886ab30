#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/target.h"
#include "base/unique_fd.h"
#include "nsenter/cgroup.h"
#include "nsenter/process_handle.h"
#include "nsenter/session/guard.h"
#include "nsenter/session/identity.h"
#include "nsenter/session/report.h"
#include "nsenter/session/session.h"
#include "nsenter/session/session_cgroup.h"
#include "nsenter/session/session_spec.h"
#include "nsenter/supervisor.h"

namespace nsdebug {

/// What stands of a session once it has been set up, or as far as that came.
struct RunningSession {
  std::optional<SessionCgroup> cgroup;
  std::optional<Guard> guard;
  std::unique_ptr<SignalState> signals;
  pid_t init = -1;
  UniqueFd init_pidfd;
  UniqueFd report;  ///< events from the init and the command, until the exec
  UniqueFd status;  ///< the command's WaitStatus, when it ended
};

/// Sets a session up: opens the target, starts the guard, joins the target's namespaces, starts the
/// session's init and puts it into its cgroups. The process is in those namespaces afterwards.
class SessionSetup {
 public:
  SessionSetup(const SessionSpec& spec, Target* target, const SessionLinks& links,
               const NodeFacts& facts)
      : spec_(spec), target_(target), links_(links), facts_(facts) {}

  /// After an error step() tells where, and session() has what is to be ended.
  Result<void> Run();

  Step step() const { return step_; }
  RunningSession& session() { return session_; }

 private:
  Result<void> OpenTarget();
  Result<void> CheckTools();
  Result<void> PrepareIdentity();
  Result<void> PlanCgroup();
  Result<void> StartGuard();
  Result<void> JoinTarget();
  Result<void> MakeCgroup();
  Result<void> StartInit();
  Result<void> LimitSession();

  const CgroupMembership* Birthplace() const;
  std::vector<const CgroupMembership*> CgroupsOfInit(const CgroupMembership* birthplace) const;

  const SessionSpec& spec_;
  Target* target_;
  SessionLinks links_;
  const NodeFacts& facts_;
  Step step_ = Step::kPlan;
  RunningSession session_;
  std::optional<ProcessHandle> process_;
  UniqueFd proc_;
  UniqueFd cgroup_namespace_;
  UniqueFd user_namespace_;
  std::optional<Identity> identity_;
  std::vector<CgroupMembership> target_cgroups_;
  UniqueFd go_;
};

}  // namespace nsdebug
