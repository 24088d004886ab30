#include "base/container_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/io.h"
#include "base/process.h"
#include "base/text.h"

namespace nsdebug {

namespace {

// With the systemd driver every runtime makes "<prefix>-<id>.scope"; with cgroupfs CRI-O keeps its
// prefix and the others have none. Podman with --cgroups=split, as in every Quadlet unit, makes
// "libpod-payload-<id>" in its own cgroup, whichever the driver.
constexpr std::array<std::string_view, 6> kScopePrefixes = {
    "", "cri-containerd-", "crio-", "docker-", "libpod-", "libpod-payload-"};

bool ComponentNamesContainer(std::string_view component, std::string_view id) {
  constexpr std::string_view kScope = ".scope";
  if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
  return std::any_of(kScopePrefixes.begin(), kScopePrefixes.end(), [&](std::string_view prefix) {
    return component.size() == prefix.size() + id.size() && component.starts_with(prefix) &&
           component.ends_with(id);
  });
}

struct CgroupLine {
  std::string_view controllers;  // empty on the line of v2, "0::/path"
  std::string_view path;
};

bool ParseLine(std::string_view line, CgroupLine* parsed) {
  size_t first = line.find(':');
  if (first == std::string_view::npos) return false;
  size_t second = line.find(':', first + 1);
  if (second == std::string_view::npos) return false;
  parsed->controllers = line.substr(first + 1, second - first - 1);
  parsed->path = line.substr(second + 1);
  return true;
}

}  // namespace

bool CgroupNamesContainer(std::string_view cgroup_text, std::string_view container_id) {
  if (container_id.empty()) return false;
  std::vector<CgroupLine> lines;
  for (std::string_view line : Split(cgroup_text, '\n')) {
    CgroupLine parsed;
    if (ParseLine(line, &parsed)) lines.push_back(parsed);
  }
  for (const CgroupLine& line : lines) {
    // Beside v1 hierarchies the v2 line may be that of the daemon which started the container.
    if (line.controllers.empty() && lines.size() > 1) continue;
    for (std::string_view component : Split(line.path, '/')) {
      if (ComponentNamesContainer(component, container_id)) return true;
    }
  }
  return false;
}

Result<UniqueFd> OpenContainerProcess(pid_t pid, std::string_view container_id) {
  Result<UniqueFd> pidfd = OpenPidfd(pid);
  if (!pidfd) return Propagate(pidfd.error());
  Result<std::string> cgroup = ReadFile(fmt::format("/proc/{}/cgroup", pid));
  // Alive after the read means that the number named this process while we read.
  if (HasExited(pidfd->get())) {
    return Fail(Code::kAborted, fmt::format("process {} has exited", pid));
  }
  if (!cgroup) return Propagate(cgroup.error());
  if (!CgroupNamesContainer(*cgroup, container_id)) {
    return Fail(Code::kAborted, fmt::format("process {} is not in the cgroup of container {}: its "
                                            "pid was reused, or it runs outside the container",
                                            pid, container_id));
  }
  return pidfd;
}

}  // namespace nsdebug
