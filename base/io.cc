#include "base/io.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace nsdebug {

namespace {

/// Of others EAGAIN is not about time: some files of the kernel mean an error by it.
bool IsNonBlocking(int fd) {
  const int kept = errno;
  const int flags = ::fcntl(fd, F_GETFL);
  errno = kept;
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

void WaitUntilWritable(int fd) {
  pollfd watched = {fd, POLLOUT, 0};
  (void)::poll(&watched, 1, -1);
}

// Kernels before 5.9 have no close_range(2): what is open lies below this.
constexpr unsigned kMostDescriptors = 65536;

void CloseRange(unsigned first, unsigned last) {
  if (first > last || ::close_range(first, last, 0) == 0) return;
  for (unsigned fd = first; fd <= std::min(last, kMostDescriptors); ++fd) {
    ::close(static_cast<int>(fd));
  }
}

}  // namespace

Result<UniqueFd> Open(const std::string& path, int flags, int directory) {
  UniqueFd fd(::openat(directory, path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) return FailErrno("open " + path);
  return fd;
}

Result<std::string> ReadAll(int fd, std::string_view name, size_t limit) {
  std::string content;
  std::array<char, 16384> chunk;
  for (;;) {
    ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("read " + std::string(name));
    if (count == 0) return content;
    if (content.size() + static_cast<size_t>(count) > limit) {
      return Fail(Code::kResourceExhausted,
                  "read " + std::string(name) + ": more than " + std::to_string(limit) + " bytes");
    }
    content.append(chunk.data(), static_cast<size_t>(count));
  }
}

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  Result<UniqueFd> fd = Open(path);
  if (!fd) return Propagate(fd.error());
  return ReadAll(fd->get(), path, limit);
}

Result<void> WriteAll(int fd, std::string_view data, std::string_view name) {
  while (!data.empty()) {
    ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN && IsNonBlocking(fd)) {
      WaitUntilWritable(fd);
      continue;
    }
    if (count < 0) return FailErrno("write " + std::string(name));
    data.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

void CloseAllBut(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned next = 0;
  for (int fd : kept) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > next) CloseRange(next, number - 1);
    next = number + 1;
  }
  CloseRange(next, ~0U);
}

}  // namespace nsdebug
