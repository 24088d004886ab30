#include "nsenter/session/session_cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/io.h"
#include "base/process.h"
#include "base/text.h"
#include "nsenter/session/device_filter.h"

namespace nsdebug {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kKillTimeout = std::chrono::milliseconds(5000);
constexpr auto kRemoveTimeout = std::chrono::milliseconds(1000);
constexpr int kCpuPeriodUs = 100'000;
constexpr const char* kV1Controllers[] = {"memory", "pids", "cpu", "devices"};

// As in device_filter.cc. With "m", for the view's own /dev is made under this rule.
constexpr const char* kV1Devices[] = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                                      "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};

Result<void> WriteFile(const std::string& path, std::string_view text) {
  Result<UniqueFd> fd = Open(path, O_WRONLY);
  if (!fd) return Propagate(fd.error());
  return WriteAll(fd->get(), text, path);
}

Result<void> MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  const int error_number = errno;
  const char* hint = error_number == EROFS || error_number == EACCES
                         ? " (is the cgroup file system mounted read-write? --cgroup-parent=none "
                           "goes without)"
                         : "";
  return Fail(CodeOf(error_number),
              fmt::format("make cgroup {}: {}{}", path, ErrnoText(error_number), hint));
}

/// Makes a directory and those on the way to it.
Result<void> MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (Result<void> made = MakeDirectory(path.substr(0, slash)); !made) return made;
  }
  return MakeDirectory(path);
}

const CgroupMount* FindMount(const std::vector<CgroupMount>& mounts, std::string_view controller) {
  for (const CgroupMount& mount : mounts) {
    const std::vector<std::string_view> names = Split(mount.controllers, ',');
    if (std::find(names.begin(), names.end(), controller) != names.end()) return &mount;
  }
  return nullptr;
}

std::vector<pid_t> ProcessesIn(const std::string& directory) {
  std::vector<pid_t> pids;
  Result<std::string> text = ReadFile(directory + "/cgroup.procs");
  if (!text) return pids;
  for (std::string_view line : Split(*text, '\n')) {
    // 0 is a process outside our PID namespace: not ours to signal.
    if (auto pid = ParseNumber(line, INT32_MAX); pid && *pid > 0) {
      pids.push_back(static_cast<pid_t>(*pid));
    }
  }
  return pids;
}

/// SIGKILL to each that is in the cgroup after it was opened: who had its number before may have
/// ended, and the number be that of a process anywhere.
std::vector<UniqueFd> SignalEach(const std::string& directory) {
  std::vector<std::pair<pid_t, UniqueFd>> opened;
  for (pid_t pid : ProcessesIn(directory)) {
    if (Result<UniqueFd> pidfd = OpenPidfd(pid)) opened.emplace_back(pid, std::move(*pidfd));
  }
  std::vector<pid_t> still = ProcessesIn(directory);
  std::sort(still.begin(), still.end());
  std::vector<UniqueFd> killed;
  for (auto& [pid, pidfd] : opened) {
    if (!std::binary_search(still.begin(), still.end(), pid)) continue;
    if (SendSignal(pidfd.get(), SIGKILL)) killed.push_back(std::move(pidfd));
  }
  return killed;
}

/// And waits for the end of each.
void KillEach(const std::string& directory, Clock::time_point deadline) {
  for (const UniqueFd& pidfd : SignalEach(directory)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd exit{pidfd.get(), POLLIN, 0};
    ::poll(&exit, 1, std::max<int>(0, static_cast<int>(left.count())));
  }
}

/// Where cgroup.kill is missing: frozen processes cannot fork. Nobody waits until all are frozen,
/// so some may have forked still, and the v1 freezer wants them thawed to die: what was missed is
/// seen by the next round, until a round finds nobody.
Result<void> FreezeAndKill(const std::string& directory, bool freezer) {
  const std::string file = directory + (freezer ? "/freezer.state" : "/cgroup.freeze");
  const auto deadline = Clock::now() + kKillTimeout;
  while (!ProcessesIn(directory).empty()) {
    if (Clock::now() > deadline) {
      return Fail(Code::kDeadlineExceeded, fmt::format("kill the processes of {}", directory));
    }
    (void)WriteFile(file, freezer ? "FROZEN" : "1");
    (void)SignalEach(directory);
    (void)WriteFile(file, freezer ? "THAWED" : "0");
    KillEach(directory, deadline);
  }
  return {};
}

bool IsPopulated(int events_fd) {
  std::array<char, 256> text{};
  const ssize_t count = ::pread(events_fd, text.data(), text.size() - 1, 0);
  return count > 0 &&
         std::string_view(text.data(), static_cast<size_t>(count)).find("populated 1") !=
             std::string_view::npos;
}

/// cgroup.events is readable with POLLPRI whenever it changes.
Result<void> WaitUntilEmpty(const std::string& directory) {
  Result<UniqueFd> events = Open(directory + "/cgroup.events");
  if (!events) return {};  // gone already
  const auto deadline = Clock::now() + kKillTimeout;
  while (IsPopulated(events->get())) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      return Fail(Code::kDeadlineExceeded, fmt::format("kill the processes of {}", directory));
    }
    pollfd change{events->get(), POLLPRI, 0};
    ::poll(&change, 1, static_cast<int>(left.count()));
  }
  return {};
}

Result<void> KillDirectory(const std::string& directory, bool freezer) {
  if (::access(directory.c_str(), F_OK) != 0) return {};
  if (freezer) return FreezeAndKill(directory, true);
  // Linux 5.14: atomic, forks in flight included.
  if (Result<void> killed = WriteFile(directory + "/cgroup.kill", "1"); !killed) {
    return FreezeAndKill(directory, false);
  }
  return WaitUntilEmpty(directory);
}

/// A cgroup can be removed a moment after its last process has died; v1 gives no event for it, so
/// this asks again until a deadline.
Result<void> RemoveDirectory(const std::string& path) {
  const auto deadline = Clock::now() + kRemoveTimeout;
  while (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    if (errno != EBUSY || Clock::now() > deadline) return FailErrno("remove cgroup " + path);
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return {};
}

/// Lets children of each cgroup on the way have the controllers (v2).
void DelegateControllers(const std::string& mount_point, const std::string& parent) {
  std::string directory = mount_point;
  for (std::string_view part : Split(parent, '/')) {
    if (!part.empty()) directory += "/" + std::string(part);
    for (const char* controller : {"+memory", "+pids", "+cpu"}) {
      // What cannot be had shows when the limit is written.
      (void)WriteFile(directory + "/cgroup.subtree_control", controller);
    }
  }
}

/// The kernel only says that there is no such file. Processes in the parent are the usual reason:
/// a v2 cgroup that has some gives its children no controllers.
Error WithoutController(Error error) {
  if (error.error_number == ENOENT) {
    error.message +=
        " (its parent gives it no such controller, as one with processes of its own cannot: see "
        "--cgroup-parent)";
  }
  return error;
}

std::string StartTime(pid_t pid) {
  Result<std::string> stat = ReadFile(fmt::format("/proc/{}/stat", pid));
  if (!stat) return {};
  // The name in parentheses may hold anything; field 22 is the 20th behind it.
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return {};
  const std::string behind = stat->substr(name_end + 2);
  const std::vector<std::string_view> fields = Split(behind, ' ');
  return fields.size() > 19 ? std::string(fields[19]) : std::string();
}

/// The PID namespace that we are in, by its inode; 0 when /proc does not tell.
uint64_t OwnPidNamespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

/// A session of another PID namespace (an agent in a container beside one on the node) counts as
/// alive: its maker's number means nothing here.
bool MakerLives(std::string_view name) {
  const std::vector<std::string_view> parts = Split(name, '-');
  if (parts.size() != 4) return true;  // not one of ours: leave it alone
  if (ParseNumber(parts[0]) != OwnPidNamespace()) return true;
  const auto pid = ParseNumber(parts[1], INT32_MAX);
  return !pid || StartTime(static_cast<pid_t>(*pid)) == parts[2];
}

std::vector<std::string> Subdirectories(const std::string& path) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

}  // namespace

Result<SessionCgroup> SessionCgroup::Plan(const std::vector<CgroupMount>& mounts,
                                          const std::string& parent, const std::string& name) {
  SessionCgroup cgroup;
  cgroup.parent_ = parent;
  cgroup.name_ = name;
  const auto unified = std::find_if(mounts.begin(), mounts.end(), [](const CgroupMount& mount) {
    return mount.controllers.empty();
  });
  cgroup.unified_only_ = FindMount(mounts, "memory") == nullptr;
  cgroup.freezer_ = unified == mounts.end();
  const CgroupMount* killing = cgroup.freezer_ ? FindMount(mounts, "freezer") : &*unified;
  if (killing == nullptr) {
    return Fail(Code::kFailedPrecondition,
                "no cgroup file system is mounted here: mount the node's /sys/fs/cgroup, or go "
                "without limits by --cgroup-parent=none");
  }
  cgroup.kill_directory_ = killing->mount_point + parent + "/" + name;
  cgroup.directories_.push_back(cgroup.kill_directory_);
  if (cgroup.unified_only_) return cgroup;
  for (const char* controller : kV1Controllers) {
    const CgroupMount* mount = FindMount(mounts, controller);
    if (mount == nullptr) {
      return Fail(Code::kFailedPrecondition,
                  fmt::format("the cgroup v1 {} hierarchy is not mounted here: its limit cannot be "
                              "set (--cgroup-parent=none goes without)",
                              controller));
    }
    cgroup.controllers_.push_back(*mount);
    const std::string directory = mount->mount_point + parent + "/" + name;
    if (std::find(cgroup.directories_.begin(), cgroup.directories_.end(), directory) ==
        cgroup.directories_.end()) {
      cgroup.directories_.push_back(directory);
    }
  }
  return cgroup;
}

std::string SessionCgroup::DirectoryOf(const std::string& controller) const {
  const CgroupMount* mount = FindMount(controllers_, controller);
  return mount == nullptr ? kill_directory_ : mount->mount_point + parent_ + "/" + name_;
}

Result<void> SessionCgroup::Create() {
  const std::string parent = kill_directory_.substr(0, kill_directory_.rfind('/'));
  if (Result<void> made = MakeDirectories(parent); !made) return made;
  if (unified_only_) {
    DelegateControllers(parent.substr(0, parent.size() - parent_.size()), parent_);
  }
  if (Result<void> made = MakeDirectory(kill_directory_); !made) return made;
  for (const auto& [name, membership] : {std::pair("/init", &init_), {"/command", &command_}}) {
    const std::string directory = kill_directory_ + name;
    if (Result<void> made = MakeDirectory(directory); !made) return made;
    Result<CgroupMembership> opened = OpenCgroup(directory, !freezer_);
    if (!opened) return Propagate(opened.error());
    *membership = std::move(*opened);
  }
  return {};
}

Result<void> SessionCgroup::Limit(const CgroupLimits& limits, bool all_devices) {
  for (const std::string& directory : directories_) {
    if (directory == kill_directory_) continue;
    if (Result<void> made = MakeDirectories(directory); !made) return made;
    Result<CgroupMembership> opened = OpenCgroup(directory, false);
    if (!opened) return Propagate(opened.error());
    limiting_.push_back(std::move(*opened));
  }
  if (Result<void> limited = WriteLimits(limits); !limited) return limited;
  return all_devices ? Result<void>() : RestrictDevices();
}

Result<void> SessionCgroup::WriteLimits(const CgroupLimits& limits) const {
  const uint64_t quota = limits.cpu_millis * kCpuPeriodUs / 1000;
  struct Setting {
    std::string path;
    std::string value;
  };
  std::vector<Setting> settings;
  if (unified_only_) {
    settings = {{kill_directory_ + "/memory.max", std::to_string(limits.memory_bytes)},
                {kill_directory_ + "/pids.max", std::to_string(limits.pids)},
                {kill_directory_ + "/cpu.max", fmt::format("{} {}", quota, kCpuPeriodUs)}};
  } else {
    settings = {
        {DirectoryOf("memory") + "/memory.limit_in_bytes", std::to_string(limits.memory_bytes)},
        {DirectoryOf("pids") + "/pids.max", std::to_string(limits.pids)},
        {DirectoryOf("cpu") + "/cpu.cfs_period_us", std::to_string(kCpuPeriodUs)},
        {DirectoryOf("cpu") + "/cpu.cfs_quota_us", std::to_string(quota)}};
  }
  for (const Setting& setting : settings) {
    if (Result<void> written = WriteFile(setting.path, setting.value); !written) {
      return Propagate(WithoutController(written.error()), "limit the session");
    }
  }
  return {};
}

Result<void> SessionCgroup::RestrictDevices() const {
  if (!unified_only_) {
    const std::string directory = DirectoryOf("devices");
    if (Result<void> denied = WriteFile(directory + "/devices.deny", "a"); !denied) return denied;
    for (const char* device : kV1Devices) {
      if (Result<void> allowed = WriteFile(directory + "/devices.allow", device); !allowed) {
        return allowed;
      }
    }
    return {};
  }
  Result<UniqueFd> directory = Open(kill_directory_, O_RDONLY | O_DIRECTORY);
  if (!directory) return Propagate(directory.error());
  return AttachDeviceFilter(directory->get());
}

Result<void> SessionCgroup::KillCommand() const {
  return KillDirectory(kill_directory_ + "/command", freezer_);
}

Result<void> SessionCgroup::KillAll() const {
  if (Result<void> killed = KillCommand(); !killed) return killed;
  return KillDirectory(kill_directory_ + "/init", freezer_);
}

Result<void> SessionCgroup::Remove() const {
  Result<void> result;
  for (const std::string& directory : directories_) {
    for (const char* part : {"/command", "/init", ""}) {
      if (part[0] != '\0' && directory != kill_directory_) continue;
      if (Result<void> removed = RemoveDirectory(directory + part); !removed) result = removed;
    }
  }
  return result;
}

void SweepSessions(const std::vector<CgroupMount>& mounts, const std::string& parent) {
  for (const CgroupMount& mount : mounts) {
    for (const std::string& name : Subdirectories(mount.mount_point + parent)) {
      if (MakerLives(name)) continue;
      Result<SessionCgroup> left = SessionCgroup::Plan(mounts, parent, name);
      if (left && left->KillAll()) (void)left->Remove();
    }
  }
}

Result<std::string> SessionName() {
  uint32_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random)) return FailErrno("getrandom");
  return fmt::format("{}-{}-{}-{:08x}", OwnPidNamespace(), ::getpid(), StartTime(::getpid()),
                     random);
}

}  // namespace nsdebug
