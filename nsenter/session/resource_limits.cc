#include "nsenter/session/resource_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/process.h"

namespace nsdebug {

namespace {

using Resource = __rlimit_resource;

constexpr std::array<std::string_view, RLIMIT_NLIMITS> kNames = [] {
  std::array<std::string_view, RLIMIT_NLIMITS> names;
  names[RLIMIT_AS] = "RLIMIT_AS";
  names[RLIMIT_CORE] = "RLIMIT_CORE";
  names[RLIMIT_CPU] = "RLIMIT_CPU";
  names[RLIMIT_DATA] = "RLIMIT_DATA";
  names[RLIMIT_FSIZE] = "RLIMIT_FSIZE";
  names[RLIMIT_LOCKS] = "RLIMIT_LOCKS";
  names[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK";
  names[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE";
  names[RLIMIT_NICE] = "RLIMIT_NICE";
  names[RLIMIT_NOFILE] = "RLIMIT_NOFILE";
  names[RLIMIT_NPROC] = "RLIMIT_NPROC";
  names[RLIMIT_RSS] = "RLIMIT_RSS";
  names[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO";
  names[RLIMIT_RTTIME] = "RLIMIT_RTTIME";
  names[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING";
  names[RLIMIT_STACK] = "RLIMIT_STACK";
  return names;
}();

Result<void> Apply(const ResourceLimit& limit) {
  if (::prlimit(0, static_cast<Resource>(limit.resource), &limit.value, nullptr) == 0) return {};
  rlimit own{};
  if (errno == EPERM && ::prlimit(0, static_cast<Resource>(limit.resource), nullptr, &own) == 0) {
    const rlim_t hard = std::min(limit.value.rlim_max, own.rlim_max);
    const rlimit lowered{std::min(limit.value.rlim_cur, hard), hard};
    if (::prlimit(0, static_cast<Resource>(limit.resource), &lowered, nullptr) == 0) return {};
  }
  return FailErrno(
      fmt::format("set {} as the container has it", kNames[static_cast<size_t>(limit.resource)]));
}

}  // namespace

int ParseResource(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() || name.empty() ? -1 : static_cast<int>(found - kNames.begin());
}

Result<std::vector<ResourceLimit>> LimitsOf(const ProcessHandle& process) {
  std::vector<ResourceLimit> limits;
  for (int resource = 0; resource < static_cast<int>(RLIMIT_NLIMITS); ++resource) {
    ResourceLimit limit{resource, {}};
    if (::prlimit(process.pid(), static_cast<Resource>(resource), nullptr, &limit.value) != 0) {
      // Another user's takes SYS_RESOURCE, which an agent in a pod does not have; then ours stay.
      // Of a container the runtime tells them, and nobody asks here.
      if (errno == EPERM) return std::vector<ResourceLimit>();
      return FailErrno(fmt::format("read the resource limits of process {}", process.pid()));
    }
    limits.push_back(limit);
  }
  // Asked by number: the answer is this process's if it still lives.
  if (HasExited(process.pidfd())) {
    return Fail(Code::kAborted, fmt::format("process {} has exited", process.pid()));
  }
  return limits;
}

Result<void> ApplyLimits(const std::vector<ResourceLimit>& limits) {
  for (const ResourceLimit& limit : limits) {
    if (Result<void> applied = Apply(limit); !applied) return applied;
  }
  return {};
}

}  // namespace nsdebug
