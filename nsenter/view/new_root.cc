#include "nsenter/view/new_root.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

/// Mount points of our namespace that are neither the root nor below `kept`, deepest first.
Result<std::vector<std::string>> MountPointsOutside(const std::string& kept) {
  Result<std::string> mountinfo = ReadFile("/proc/self/mountinfo");
  if (!mountinfo) return Propagate(mountinfo.error());
  std::vector<std::string> points;
  for (std::string_view line : Split(*mountinfo, '\n')) {
    const std::vector<std::string_view> fields = Split(line, ' ');
    if (fields.size() < 5) continue;
    std::string point = UnescapeMountPath(fields[4]);
    if (point == "/" || point == kept || point.starts_with(kept + "/")) continue;
    points.push_back(std::move(point));
  }
  std::reverse(points.begin(), points.end());
  return points;
}

/// Detaches a mount point named from where we stand. One that a parent has taken along is no error.
Result<void> Detach(const std::string& point) {
  if (::umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL ||
      errno == ENOENT) {
    return {};
  }
  return FailErrno("detach " + point);
}

Result<void> MoveOverRoot(const std::string& path) {
  const std::string work_place = path.substr(0, path.rfind('/'));
  Result<std::vector<std::string>> points = MountPointsOutside(path);
  if (!points) return Propagate(points.error());
  Result<UniqueFd> old_root = Open("/", O_PATH | O_DIRECTORY);
  if (!old_root) return Propagate(old_root.error());
  const auto hidden = [&](const std::string& point) {
    return point == work_place || point.starts_with(work_place + "/");
  };
  for (const std::string& point : *points) {
    if (hidden(point)) continue;
    if (Result<void> detached = Detach(point); !detached) return detached;
  }
  if (::chdir(path.c_str()) != 0) return FailErrno("enter the view");
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return FailErrno("move the view to /");
  if (::chroot(".") != 0) return FailErrno("change root to the view");
  // Only the descriptor leads beneath the new root now. First the work place goes, whose layers
  // stay alive in the overlay, then what it had covered.
  if (::fchdir(old_root->get()) != 0) return FailErrno("look beneath the view");
  if (::umount2(work_place.c_str() + 1, MNT_DETACH) != 0) {
    return FailErrno("detach the work place of the view");
  }
  for (const std::string& point : *points) {
    if (!hidden(point)) continue;
    if (Result<void> detached = Detach(point.substr(1)); !detached) return detached;
  }
  return {};
}

}  // namespace

Result<void> EnterNewRoot(const std::string& path) {
  if (::chdir(path.c_str()) != 0) return FailErrno("enter the view");
  // Old and new root at the same place: the old one then lies on top and is detached at once.
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    if (::umount2(".", MNT_DETACH) != 0) return FailErrno("detach the old root");
  } else if (errno == EPERM || errno == EINVAL) {
    // EPERM: a seccomp profile. EINVAL: our root is the kernel's initial ramfs.
    if (Result<void> moved = MoveOverRoot(path); !moved) return moved;
  } else {
    return FailErrno("change the root to the view");
  }
  if (::chdir("/") != 0) return FailErrno("enter the root of the view");
  return {};
}

}  // namespace nsdebug
