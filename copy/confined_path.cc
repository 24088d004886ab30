#include "copy/confined_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

namespace nsdebug {

namespace {

Result<UniqueFd> OpenResolved(int directory, const std::string& path, int flags, unsigned mode,
                              uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  // The kernel asks for another try when a directory on the way was moved meanwhile.
  constexpr int kTries = 64;
  for (int tried = 0; tried < kTries; ++tried) {
    UniqueFd fd(
        static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
    if (fd.valid()) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return FailErrno("open " + Printable(path, kMaxPathBytes));
}

}  // namespace

Result<UniqueFd> OpenInRoot(int root, const std::string& path, int flags) {
  return OpenResolved(root, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<UniqueFd> OpenBeneath(int directory, const std::string& path, int flags, unsigned mode) {
  return OpenResolved(directory, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<std::string> CheckedRelativePath(std::string_view path) {
  const auto refuse = [&] {
    return Fail(Code::kInvalidArgument,
                fmt::format("'{}' is no path below a folder", Printable(path)));
  };
  // Archives have a slash behind the names of folders.
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.empty() || path.size() > kMaxPathBytes) return refuse();
  if (path.find('\0') != std::string_view::npos) return refuse();
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return refuse();
  }
  return std::string(path);
}

}  // namespace nsdebug
