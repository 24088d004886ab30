#include "agent/auth/reloaded_file.h"

#include <fcntl.h>

#include "base/io.h"

namespace nsdebug {

namespace {

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

FileStamp MakeStamp(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modified_ns = Nanoseconds(status.st_mtim),
          .changed_ns = Nanoseconds(status.st_ctim)};
}

}  // namespace

Result<FileContent> ReadFileContent(const std::string& path, size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO would wait for a writer.
  Result<UniqueFd> fd = Open(path, O_RDONLY | O_NONBLOCK);
  if (!fd) return Propagate(fd.error());
  struct stat status {};
  // Before the content: a change behind it shows in the next stamp.
  if (::fstat(fd->get(), &status) != 0) return FailErrno("stat " + path);
  if (!S_ISREG(status.st_mode)) {
    return Fail(Code::kFailedPrecondition, "read " + path + ": not a regular file");
  }
  Result<std::string> text = ReadAll(fd->get(), path, max_bytes);
  if (!text) return Propagate(text.error());
  return FileContent{.text = *std::move(text),
                     .owner = status.st_uid,
                     .mode = status.st_mode & 07777,
                     .stamp = MakeStamp(status)};
}

std::optional<FileStamp> StampOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return MakeStamp(status);
}

}  // namespace nsdebug
