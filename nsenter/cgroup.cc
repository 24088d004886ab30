#include "nsenter/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

/// "cpu,cpuacct" and "cpuacct,cpu" are one hierarchy.
bool SameControllers(std::string_view one, std::string_view other) {
  std::vector<std::string_view> first = Split(one, ',');
  std::vector<std::string_view> second = Split(other, ',');
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  return first == second;
}

/// Of a v1 mount's super options, "rw,cpu,cpuacct" or "rw,xattr,name=systemd", those that
/// /proc/PID/cgroup prints.
std::string ControllersOf(std::string_view super_options) {
  static constexpr std::string_view kFlags[] = {
      "rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"};
  std::string controllers;
  for (std::string_view option : Split(super_options, ',')) {
    const bool is_flag =
        std::find(std::begin(kFlags), std::end(kFlags), option) != std::end(kFlags);
    if (is_flag || option.starts_with("release_agent=")) continue;
    if (!controllers.empty()) controllers += ',';
    controllers += option;
  }
  return controllers;
}

void JoinNodeCgroupNamespace() {
  struct stat own {};
  struct stat node {};
  UniqueFd fd(::open("/proc/1/ns/cgroup", O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || ::fstat(fd.get(), &node) != 0) return;
  if (::stat("/proc/self/ns/cgroup", &own) != 0 || own.st_ino == node.st_ino) return;
  (void)::setns(fd.get(), CLONE_NEWCGROUP);
}

}  // namespace

std::vector<CgroupMount> ParseCgroupMounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  for (std::string_view line : Split(mountinfo, '\n')) {
    // 30 23 0:26 / /sys/fs/cgroup rw,... shared:9 - cgroup2 cgroup2 rw,...
    const size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    const std::vector<std::string_view> front = Split(line.substr(0, separator), ' ');
    const std::vector<std::string_view> back = Split(line.substr(separator + 3), ' ');
    if (front.size() < 5 || back.size() < 3) continue;
    const bool v1 = back[0] == "cgroup";
    if (!v1 && back[0] != "cgroup2") continue;
    CgroupMount mount{v1 ? ControllersOf(back[2]) : "", UnescapeMountPath(front[3]),
                      UnescapeMountPath(front[4])};
    const bool known = std::any_of(mounts.begin(), mounts.end(), [&](const CgroupMount& other) {
      return SameControllers(other.controllers, mount.controllers);
    });
    if (!known) mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<std::vector<CgroupMount>> ReadCgroupMounts() {
  Result<std::string> mountinfo = ReadFile("/proc/self/mountinfo");
  if (!mountinfo) return Propagate(mountinfo.error());
  return ParseCgroupMounts(*mountinfo);
}

Result<std::vector<CgroupMount>> FindNodeCgroupMounts() {
  JoinNodeCgroupNamespace();
  return ReadCgroupMounts();
}

Result<std::string> FindCgroupDirectory(const std::vector<CgroupMount>& mounts,
                                        std::string_view controllers, std::string_view path) {
  const std::string name =
      controllers.empty() ? "cgroup v2" : fmt::format("cgroup v1 {}", controllers);
  for (const CgroupMount& mount : mounts) {
    if (!SameControllers(mount.controllers, controllers)) continue;
    const std::string_view root = mount.root == "/" ? std::string_view() : mount.root;
    const bool inside =
        path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
    // "/../x" is what a reader in another cgroup namespace sees: no path to follow.
    if (!inside || path.find("/..") != std::string_view::npos) {
      return Fail(Code::kNotFound, fmt::format("{} path {} lies outside what is mounted at {}",
                                               name, Printable(path), mount.mount_point));
    }
    return mount.mount_point + std::string(path.substr(root.size()));
  }
  return Fail(Code::kNotFound, fmt::format("the {} hierarchy is not mounted here", name));
}

// The kernel lets nobody fork or end while it moves a whole process, and for that waits until all
// processors have passed an RCU grace period: 5 to 15 ms of an idle machine. A single thread that
// moves itself needs none of it (Linux 5.5), but only v1 has a file for threads.
Result<CgroupMembership> OpenCgroup(const std::string& directory, bool is_v2) {
  CgroupMembership cgroup;
  cgroup.path = directory;
  Result<UniqueFd> tasks = Open(directory + (is_v2 ? "/cgroup.procs" : "/tasks"), O_WRONLY);
  if (!tasks) return Propagate(tasks.error());
  cgroup.tasks = std::move(*tasks);
  if (!is_v2) return cgroup;
  Result<UniqueFd> opened = Open(directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return Propagate(opened.error());
  cgroup.directory = std::move(*opened);
  return cgroup;
}

Result<std::vector<CgroupMembership>> OpenCgroups(const ProcessHandle& process,
                                                  const std::vector<CgroupMount>& mounts) {
  Result<std::string> text = process.Read("cgroup");
  if (!text) return Propagate(text.error(), "join cgroup");
  std::vector<CgroupMembership> cgroups;
  Error last{Code::kNotFound, "the process is in no cgroup"};
  for (std::string_view line : Split(*text, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    Result<std::string> directory =
        FindCgroupDirectory(mounts, controllers, line.substr(second + 1));
    if (!directory) {
      last = directory.error();
      continue;
    }
    Result<CgroupMembership> cgroup = OpenCgroup(*directory, controllers.empty());
    if (!cgroup) return Propagate(cgroup.error(), "join cgroup");
    cgroups.push_back(std::move(*cgroup));
  }
  if (cgroups.empty()) {
    return Propagate(last, fmt::format("join cgroup of pid {}", process.pid()));
  }
  return cgroups;
}

// "0" is the writer itself, in whichever PID namespace it is.
Result<void> JoinCgroup(int tasks, std::string_view name) { return WriteAll(tasks, "0", name); }

Result<void> JoinCgroups(const std::vector<CgroupMembership>& cgroups) {
  for (const CgroupMembership& cgroup : cgroups) {
    if (Result<void> joined = JoinCgroup(cgroup.tasks.get(), cgroup.path); !joined) {
      return Propagate(joined.error(), "join cgroup");
    }
  }
  return {};
}

pid_t ForkIntoCgroup(int directory) {
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<uint64_t>(directory);
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

}  // namespace nsdebug
