#include "nsenter/session/tools_exposure.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "nsenter/session/identity.h"

namespace nsdebug {

namespace {

constexpr CapabilitySet kTrace = CapabilitySet{1} << CAP_SYS_PTRACE;

/// All that a process with these sets, or a program that it executes, can come to hold: a file's
/// inheritable capabilities need no bounding set (capabilities(7)).
CapabilitySet Reachable(const CapabilitySets& sets) {
  return sets.bounding | sets.permitted | sets.inheritable;
}

/// Of the first process of the target, and of the container as it was started: its first process
/// may have given up what its other processes still have.
Result<CapabilitySet> TargetCapabilities(const ProcessHandle& process,
                                         const std::string& process_spec) {
  Result<std::string> status = process.Read("status");
  if (!status) return Propagate(status.error());
  Result<Identity> now = ParseProcessStatus(*status, "");
  if (!now) return Propagate(now.error());
  if (process_spec.empty()) return Reachable(now->capabilities);
  Result<Identity> started = ParseProcessSpec(process_spec);
  if (!started) return Propagate(started.error());
  return Reachable(now->capabilities) | Reachable(started->capabilities);
}

/// Capabilities count in a user namespace, and a command joins that of the target. For a pod with
/// hostUsers: false the rule is the same as without one: command and target have theirs in the
/// same one. A runtime makes it before the PID namespace, which then belongs to it. One that it
/// does not belong to, the target has made within its own; there the process's capabilities tell
/// nothing, for its processes outside have every capability in it (user_namespaces(7)).
bool MadeItsUserNamespace(const ProcessHandle& process) {
  Result<UniqueFd> pid_namespace = process.Open("ns/pid", O_RDONLY);
  if (!pid_namespace) return true;
  const UniqueFd owner(::ioctl(pid_namespace->get(), NS_GET_USERNS));
  struct stat of_pid {};
  struct stat of_process {};
  return !owner.valid() || ::fstat(owner.get(), &of_pid) != 0 ||
         ::fstatat(process.proc(), "ns/user", &of_process, 0) != 0 ||
         of_pid.st_ino != of_process.st_ino;
}

const char* Reason(Exposure exposure) {
  switch (exposure) {
    case Exposure::kTracer:
      return "has SYS_PTRACE";
    case Exposure::kSameRights:
      return "has every capability of the command";
    case Exposure::kOwnNamespace:
      return "made a user namespace of its own";
    case Exposure::kNone:
      break;
  }
  return "";
}

}  // namespace

Exposure ExposureTo(CapabilitySet target, CapabilitySet command) {
  if ((target & kTrace) != 0) return Exposure::kTracer;
  if ((command & ~target) == 0) return Exposure::kSameRights;
  return Exposure::kNone;
}

CapabilitySet CommandCapabilities(const SessionSpec& spec, CapabilitySet own) {
  // Without ambient capabilities the exec of another user than root clears them all.
  const bool root = spec.uid ? *spec.uid == 0 : !spec.profile->non_root;
  return root ? spec.capabilities & own : 0;
}

Result<Exposure> FindExposure(const SessionSpec& spec, const ProcessHandle& process,
                              const std::string& process_spec) {
  if (MadeItsUserNamespace(process)) return Exposure::kOwnNamespace;
  Result<CapabilitySet> target = TargetCapabilities(process, process_spec);
  if (!target) return Propagate(target.error(), "read the target's rights");
  Result<std::string> status = ReadFile("/proc/self/status");
  if (!status) return Propagate(status.error());
  Result<Identity> own = ParseProcessStatus(*status, "");
  if (!own) return Propagate(own.error());
  // Not asked: whether the target sees the command at all. Where their PID namespaces differ it
  // does not, unless the pod's is the node's.
  return ExposureTo(*target, CommandCapabilities(spec, own->capabilities.permitted));
}

Error ExposureError(Exposure exposure) {
  std::string message = fmt::format(
      "the target {} and could read the node's files through it: give --toolbox a directory with "
      "nothing secret in it, or --toolbox / to accept this",
      Reason(exposure));
  // No profile helps against the other two.
  if (exposure == Exposure::kSameRights) {
    message += ", or a --profile with a capability that the target lacks";
  }
  return {Code::kFailedPrecondition, std::move(message), 0};
}

}  // namespace nsdebug
