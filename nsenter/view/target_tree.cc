#include "nsenter/view/target_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "base/io.h"

namespace nsdebug {

namespace {

constexpr size_t kMaxPodFileBytes = size_t{256} << 10;

/// In the target's mount namespace, whose processes may be hostile: nothing is opened by a path
/// here.
Result<UniqueFd> CopyMounts(int root) {
  UniqueFd tree(
      ::open_tree(root, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH));
  if (!tree.valid()) return FailErrno("copy the target's mounts");
  mount_attr set{};
  set.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  set.propagation = MS_PRIVATE;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)) != 0) {
    return FailErrno("restrict the copy of the target's mounts (needs Linux 5.12)");
  }
  return tree;
}

std::optional<std::string> ReadInRoot(int root, const char* path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof(how))));
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  Result<std::string> text = ReadAll(fd.get(), path, kMaxPodFileBytes);
  if (!text) return std::nullopt;
  return std::move(*text);
}

}  // namespace

Result<UniqueFd> CloneTargetTree(const ProcessHandle& process) {
  Result<UniqueFd> own = Open("/proc/self/ns/mnt");
  if (!own) return Propagate(own.error());
  Result<UniqueFd> root = process.Open("root", O_PATH | O_DIRECTORY);
  if (!root) return Propagate(root.error());
  if (::setns(process.pidfd(), CLONE_NEWNS) != 0) {
    return FailErrno(fmt::format("visit mnt namespace of pid {}", process.pid()));
  }
  Result<UniqueFd> tree = CopyMounts(root->get());
  if (::setns(own->get(), CLONE_NEWNS) != 0) {
    // Half way is nowhere: going on here would work on the target's files.
    return FailErrno("return to our own mnt namespace");
  }
  return tree;
}

PodFiles ReadPodFiles(const ProcessHandle& process) {
  Result<UniqueFd> root = process.Open("root", O_PATH | O_DIRECTORY);
  if (!root) return {};
  return {.resolv_conf = ReadInRoot(root->get(), "etc/resolv.conf"),
          .hosts = ReadInRoot(root->get(), "etc/hosts"),
          .hostname = ReadInRoot(root->get(), "etc/hostname")};
}

}  // namespace nsdebug
