#include "agent/pods/host_namespaces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/io.h"
#include "base/process.h"

namespace nsdebug {

namespace {

constexpr std::array<std::string_view, 7> kNamespaceKinds = {"net", "pid",  "ipc",   "uts",
                                                             "mnt", "user", "cgroup"};

struct NamespaceIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const NamespaceIdentity&) const = default;
};

Result<NamespaceIdentity> IdentityAt(int proc, std::string_view kind) {
  struct stat info {};
  // The last component is one of the kernel's own links: following it opens nothing.
  if (::fstatat(proc, fmt::format("ns/{}", kind).c_str(), &info, 0) != 0) {
    const int error_number = errno;
    return FailErrno(fmt::format("look at ns/{}", kind), error_number);
  }
  return NamespaceIdentity{info.st_dev, info.st_ino};
}

Result<UniqueFd> OpenInit(const std::string& init) {
  // Without the node's PID namespace process 1 is this container's own, and every pod would look
  // as if it had nothing of the node.
  if (::getpid() == 1) {
    return Fail(Code::kFailedPrecondition,
                "the agent is process 1 and does not see the node's: set hostPID: true");
  }
  return Open(init, O_PATH | O_DIRECTORY);
}

Result<NamespaceIdentity> IdentityOfNode(int init, const std::string& path, std::string_view kind) {
  Result<NamespaceIdentity> identity = IdentityAt(init, kind);
  if (identity || identity.error().code != Code::kPermissionDenied) {
    return identity ? identity : Propagate(identity.error(), path);
  }
  return Fail(Code::kPermissionDenied,
              fmt::format("{}/ns/{}: {}: the agent needs hostPID: true, the capability SYS_PTRACE "
                          "and all capabilities that process 1 has",
                          path, kind, ErrnoText(identity.error().error_number)));
}

/// A process of the target, whose /proc/PID stays its own.
class ProcessNamespaces {
 public:
  static Result<ProcessNamespaces> Open(int pidfd) {
    Result<pid_t> pid = PidOf(pidfd);
    if (!pid) return Propagate(pid.error());
    Result<UniqueFd> proc = nsdebug::Open(fmt::format("/proc/{}", *pid), O_PATH | O_DIRECTORY);
    // Alive after the open: the number still was this process's, so the directory is its own.
    if (HasExited(pidfd)) return Exited(*pid);
    if (!proc) return Propagate(proc.error());
    return ProcessNamespaces(*pid, pidfd, std::move(*proc));
  }

  Result<NamespaceIdentity> Find(std::string_view kind) const {
    Result<NamespaceIdentity> identity = IdentityAt(proc_.get(), kind);
    if (identity) return identity;
    if (HasExited(pidfd_)) return Exited(pid_);
    return Propagate(identity.error(), fmt::format("/proc/{}", pid_));
  }

 private:
  ProcessNamespaces(pid_t pid, int pidfd, UniqueFd proc)
      : pid_(pid), pidfd_(pidfd), proc_(std::move(proc)) {}

  static Failure Exited(pid_t pid) {
    return Fail(Code::kAborted, fmt::format("process {} has exited", pid));
  }

  pid_t pid_;
  int pidfd_;
  UniqueFd proc_;
};

/// A kind without a file is the node's: see the header.
Result<NamespaceIdentity> IdentityOfFile(const Target& target, std::string_view kind) {
  const auto handle = std::find_if(target.namespaces.begin(), target.namespaces.end(),
                                   [&](const NamespaceHandle& one) { return one.kind == kind; });
  if (handle == target.namespaces.end()) return NamespaceIdentity{};
  struct stat info {};
  if (::fstat(handle->fd.get(), &info) != 0) {
    const int error_number = errno;
    return FailErrno(fmt::format("look at the {} namespace", kind), error_number);
  }
  return NamespaceIdentity{info.st_dev, info.st_ino};
}

/// `find` tells the identity of the target's namespace of a kind.
template <class Find>
Result<HostNamespaces> Compare(const std::string& init_path, const Find& find) {
  Result<UniqueFd> init = OpenInit(init_path);
  if (!init) return Propagate(init.error());
  HostNamespaces found;
  for (std::string_view kind : kNamespaceKinds) {
    Result<NamespaceIdentity> nodes = IdentityOfNode(init->get(), init_path, kind);
    if (!nodes) return Propagate(nodes.error(), "which namespaces are the node's");
    Result<NamespaceIdentity> own = find(kind);
    if (!own) return Propagate(own.error());
    const bool is_nodes = own->inode == 0 || *own == *nodes;
    found.namespaces.push_back({kind, own->inode, is_nodes});
  }
  return found;
}

}  // namespace

bool HostNamespaces::Shares(std::string_view kind) const {
  const auto found = std::find_if(namespaces.begin(), namespaces.end(),
                                  [&](const TargetNamespace& one) { return one.kind == kind; });
  // What was not looked at is not known to be its own.
  return found == namespaces.end() || found->is_nodes;
}

bool HostNamespaces::RequiresNodeAccess(int joined) const {
  const auto is_on_node = [&](int flag, std::string_view kind) {
    return (joined & flag) == 0 || Shares(kind);
  };
  return is_on_node(CLONE_NEWNET, "net") || is_on_node(CLONE_NEWPID, "pid") ||
         is_on_node(CLONE_NEWIPC, "ipc") || Shares("mnt");
}

Result<HostNamespaces> FindHostNamespaces(const Target& target, const std::string& init) {
  if (!target.pidfd.valid()) {
    return Compare(init, [&](std::string_view kind) { return IdentityOfFile(target, kind); });
  }
  Result<ProcessNamespaces> process = ProcessNamespaces::Open(target.pidfd.get());
  if (!process) return Propagate(process.error());
  return Compare(init, [&](std::string_view kind) { return process->Find(kind); });
}

}  // namespace nsdebug
