#include "nsenter/view/proc_and_dev.h"

#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "nsenter/view/mount.h"

namespace nsdebug {

namespace {

constexpr unsigned long kProcFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr int kShmMegabytes = 64;

constexpr const char* kReadOnly[] = {"sys", "bus", "fs", "irq", "sysrq-trigger"};
constexpr const char* kHiddenFiles[] = {"kcore",       "keys",        "latency_stats", "timer_list",
                                        "timer_stats", "sched_debug", "interrupts",    "kallsyms",
                                        "kpagecount",  "kpageflags",  "kpagecgroup"};
constexpr const char* kHiddenDirectories[] = {"acpi", "asound", "scsi"};

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<void> HideDirectory(const std::string& path) {
  return Mount("tmpfs", path, "tmpfs", MS_RDONLY | kProcFlags, "size=0,nr_inodes=2,mode=0555");
}

struct Node {
  const char* name;
  unsigned major;
  unsigned minor;
};

constexpr Node kNodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                           {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

struct Link {
  const char* name;
  const char* target;
};

constexpr Link kLinks[] = {{"ptmx", "pts/ptmx"},
                           {"fd", "/proc/self/fd"},
                           {"stdin", "/proc/self/fd/0"},
                           {"stdout", "/proc/self/fd/1"},
                           {"stderr", "/proc/self/fd/2"}};

}  // namespace

Result<void> BuildProc(const std::string& path, bool unrestricted, bool network_settings) {
  if (Result<void> mounted = MountOnNew("proc", path, "proc", kProcFlags, ""); !mounted) {
    return mounted;
  }
  if (unrestricted) return {};
  const std::string net = path + "/sys/net";
  for (const char* name : kReadOnly) {
    const std::string file = path + "/" + name;
    if (!Exists(file)) continue;
    if (Result<void> bound = Bind(file, file, MOUNT_ATTR_RDONLY); !bound) return bound;
  }
  if (network_settings && Exists(net)) {
    // From a second, writable mount of the same proc: a bind of the read-only one would stay so.
    if (Result<void> mounted = Mount("proc", net, "proc", kProcFlags, ""); !mounted) return mounted;
    if (Result<void> bound = Bind(net + "/sys/net", net, 0); !bound) return bound;
  }
  for (const char* name : kHiddenFiles) {
    const std::string file = path + "/" + name;
    if (!Exists(file)) continue;
    if (Result<void> bound = Bind("/dev/null", file, MOUNT_ATTR_RDONLY); !bound) return bound;
  }
  for (const char* name : kHiddenDirectories) {
    const std::string directory = path + "/" + name;
    if (!Exists(directory)) continue;
    if (Result<void> hidden = HideDirectory(directory); !hidden) return hidden;
  }
  return {};
}

Result<void> BuildDev(const std::string& path) {
  // Without nodev here, and here only.
  if (Result<void> mounted = MountTmpfs(path, MS_NOSUID | MS_NOEXEC, 0755, 1); !mounted) {
    return mounted;
  }
  const mode_t old_umask = ::umask(0);
  for (const Node& node : kNodes) {
    const std::string file = path + "/" + node.name;
    if (::mknod(file.c_str(), S_IFCHR | 0666, makedev(node.major, node.minor)) != 0) {
      return FailErrno(fmt::format("make device {} (needs CAP_MKNOD)", file));
    }
  }
  ::umask(old_umask);
  for (const Link& link : kLinks) {
    if (::symlink(link.target, (path + "/" + link.name).c_str()) != 0) {
      return FailErrno(fmt::format("make {}/{}", path, link.name));
    }
  }
  // An instance of its own: the node's terminals, and those of other sessions, are not in it.
  if (Result<void> mounted = MountOnNew("devpts", path + "/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                                        "newinstance,ptmxmode=0666,mode=0620,gid=5");
      !mounted) {
    return mounted;
  }
  if (Result<void> mounted =
          MountTmpfs(path + "/shm", kSafeMountFlags | MS_NOEXEC, 01777, kShmMegabytes);
      !mounted) {
    return mounted;
  }
  return Mount("", path, "tmpfs", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, "");
}

Result<void> BuildSys(const std::string& path) {
  if (Result<void> mounted = MountOnNew("sysfs", path, "sysfs", kProcFlags | MS_RDONLY, "");
      !mounted) {
    return mounted;
  }
  const std::string firmware = path + "/firmware";
  return Exists(firmware) ? HideDirectory(firmware) : Result<void>();
}

}  // namespace nsdebug
