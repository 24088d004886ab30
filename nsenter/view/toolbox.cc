#include "nsenter/view/toolbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/io.h"
#include "base/text.h"
#include "nsenter/view/mount.h"
#include "nsenter/view/new_root.h"
#include "nsenter/view/proc_and_dev.h"

namespace nsdebug {

namespace {

// What a session may write in all: the overlay's upper layer, /tmp and /run, each.
constexpr int kScratchMegabytes = 256;

// Where the view is put together: any directory will do, in the private mount namespace nobody else
// sees the tmpfs on it, and the overlay shows the directory itself, not the tmpfs.
constexpr std::array kWorkPlaces = {"/tmp", "/run", "/mnt", "/var"};

/// Whether a mount on `place` would hide `tools`.
bool Hides(std::string_view place, const std::string& tools) {
  std::array<char, PATH_MAX> real{};
  if (::realpath(tools.c_str(), real.data()) == nullptr) return false;
  return std::string(real.data()).append("/").starts_with(std::string(place) + "/");
}

Result<std::string> MountWorkPlace(const std::string& tools) {
  for (const char* place : kWorkPlaces) {
    if (Hides(place, tools)) continue;
    struct stat info {};
    if (::lstat(place, &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    if (Result<void> mounted = MountTmpfs(place, kSafeMountFlags, 0755, kScratchMegabytes);
        !mounted) {
      return Propagate(mounted.error());
    }
    return std::string(place);
  }
  return Fail(Code::kFailedPrecondition, "build the view: none of /tmp, /run, /mnt, /var exists");
}

/// overlayfs separates its options by commas and layers by colons.
std::string EscapeLayer(std::string_view path) {
  std::string escaped;
  for (char c : path) {
    if (c == ',' || c == ':' || c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

Result<void> MountOverlay(const std::string& tools, const std::string& place) {
  for (const char* part : {"/upper", "/work", "/root"}) {
    if (Result<void> made = MakeDirectory(place + part); !made) return made;
  }
  return Mount("overlay", place + "/root", "overlay", kSafeMountFlags,
               fmt::format("lowerdir={},upperdir={}/upper,workdir={}/work", EscapeLayer(tools),
                           place, place));
}

Result<std::string> MakePrivateWorkPlace(const std::string& tools) {
  if (::unshare(CLONE_NEWNS) != 0) return FailErrno("create a mount namespace for the view");
  if (Result<void> cut = MakeMountsPrivate(); !cut) return Propagate(cut.error());
  return MountWorkPlace(tools);
}

/// Assembles the view in `root_`, below the work place.
class Builder {
 public:
  Builder(const ToolboxView& view, const std::string& place)
      : view_(view), place_(place), root_(place + "/root") {}

  Result<void> Build() {
    for (auto step : {&Builder::MountTools, &Builder::BuildScratch, &Builder::BuildSystem,
                      &Builder::WritePodFiles, &Builder::AttachTarget}) {
      if (Result<void> done = (this->*step)(); !done) return done;
    }
    return {};
  }

  const std::string& root() const { return root_; }
  ToolboxFacts facts() const { return facts_; }

 private:
  Result<void> MountTools() {
    Result<void> mounted = MountOverlay(view_.tools, place_);
    if (mounted) return {};
    // Some file systems cannot be a layer, and some kernels lack overlayfs: then the tools are
    // read-only, bound without their submounts, and only the scratch directories can be written.
    facts_.writable = false;
    Result<void> bound =
        Bind(view_.tools, root_, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
    if (!bound) return Propagate(mounted.error(), "show the tools of " + view_.tools);
    return {};
  }

  Result<void> BuildScratch() {
    for (const char* name : {"/tmp", "/run"}) {
      const int mode = std::string_view(name) == "/tmp" ? 01777 : 0755;
      if (Result<void> mounted = MountTmpfs(root_ + name, kSafeMountFlags, mode, kScratchMegabytes);
          !mounted) {
        return mounted;
      }
    }
    return {};
  }

  Result<void> BuildSystem() {
    if (Result<void> built = BuildProc(root_ + "/proc", view_.unrestricted, view_.network_settings);
        !built) {
      return built;
    }
    if (Result<void> built = BuildDev(root_ + "/dev"); !built) return built;
    return BuildSys(root_ + "/sys");
  }

  Result<void> WritePodFiles() {
    struct File {
      const char* name;
      const std::optional<std::string>& content;
    };
    for (const File& file : {File{"/etc/resolv.conf", view_.pod_files.resolv_conf},
                             File{"/etc/hosts", view_.pod_files.hosts},
                             File{"/etc/hostname", view_.pod_files.hostname}}) {
      if (!file.content) continue;
      Result<void> written = facts_.writable ? Replace(root_ + file.name, *file.content)
                                             : Cover(root_ + file.name, *file.content);
      if (!written) return Propagate(written.error(), "give the view the pod's files");
    }
    return {};
  }

  /// In the overlay: a new file in the place of whatever was there, a symbolic link included.
  static Result<void> Replace(const std::string& path, const std::string& content) {
    if (Result<void> made = MakeDirectory(path.substr(0, path.rfind('/'))); !made) return made;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FailErrno("remove " + path);
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd.valid()) return FailErrno("create " + path);
    return WriteAll(fd.get(), content, path);
  }

  /// Over read-only tools: a file of the work place bound over a regular file that is there.
  Result<void> Cover(const std::string& path, const std::string& content) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
    const std::string copy = place_ + "/pod-file-" + path.substr(path.rfind('/') + 1);
    if (Result<void> written = Replace(copy, content); !written) return written;
    return Bind(copy, path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
  }

  Result<void> AttachTarget() {
    if (!view_.target_tree.valid()) return {};
    const std::string place = root_ + "/target";
    if (Result<void> made = MakeDirectory(place); !made) {
      // Read-only tools without that directory: /proc/1/root still shows the target.
      return facts_.writable ? made : Result<void>();
    }
    if (::move_mount(view_.target_tree.get(), "", AT_FDCWD, place.c_str(),
                     MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      return FailErrno("show the target's root at /target");
    }
    return {};
  }

  const ToolboxView& view_;
  std::string place_;
  std::string root_;
  ToolboxFacts facts_;
};

}  // namespace

Result<ToolboxFacts> EnterToolbox(const ToolboxView& view) {
  Result<std::string> place = MakePrivateWorkPlace(view.tools);
  if (!place) return Propagate(place.error());
  Builder builder(view, *place);
  if (Result<void> built = builder.Build(); !built) return Propagate(built.error());
  if (Result<void> entered = EnterNewRoot(builder.root()); !entered) {
    return Propagate(entered.error());
  }
  return builder.facts();
}

bool CanOverlay(const std::string& tools) {
  const pid_t child = ::fork();
  if (child == 0) {
    Result<std::string> place = MakePrivateWorkPlace(tools);
    ::_exit(place && MountOverlay(tools, *place) ? 0 : 1);
  }
  int status = -1;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status == 0;
}

}  // namespace nsdebug
