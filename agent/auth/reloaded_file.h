#pragma once

#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"

namespace nsdebug {

/// How often a file may be looked at: a rotated token is valid long before the old one ends, and a
/// request must not wait for a disk.
inline constexpr std::chrono::milliseconds kFileCheckInterval{1'000};

/// What tells one content of a path from the next, also when a symbolic link on the way changed,
/// which is how kubelet swaps what it mounts.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

struct FileContent {
  std::string text;
  uid_t owner = 0;
  mode_t mode = 0;  ///< the permission bits
  FileStamp stamp;
};

/// Reads a regular file of at most `max_bytes` (kResourceExhausted).
Result<FileContent> ReadFileContent(const std::string& path, size_t max_bytes);

/// nullopt: it cannot be looked at.
std::optional<FileStamp> StampOf(const std::string& path);

/// What happens when a file that was good cannot be read or parsed any more.
enum class OnFault {
  kKeepLastGood,  ///< for what a peer proves anyway: a CA, a token of our own
  kFail,          ///< for what grants access: a file that is being edited grants nothing
};

/// What was made of a file, made again after it changed. Any thread may call.
template <class Value>
class ReloadedFile {
 public:
  using Parse = std::function<Result<Value>(const FileContent& content)>;

  ReloadedFile(std::string path, size_t max_bytes, OnFault on_fault, Parse parse,
               std::chrono::milliseconds check_interval = kFileCheckInterval)
      : path_(std::move(path)),
        max_bytes_(max_bytes),
        on_fault_(on_fault),
        parse_(std::move(parse)),
        check_interval_(check_interval) {}

  const std::string& path() const { return path_; }

  /// Why the last reading failed; nullopt when it did not.
  std::optional<Error> last_error() const {
    std::lock_guard lock(mutex_);
    return last_error_;
  }

  Result<Value> Get() {
    std::lock_guard lock(mutex_);
    auto now = std::chrono::steady_clock::now();
    if (next_check_ && now < *next_check_) return current_;
    next_check_ = now + check_interval_;
    // A fault is looked at again each time: what caused it may not show in the stamp.
    if (current_ && !last_error_ && StampOf(path_) == stamp_) return current_;
    Reload();
    return current_;
  }

 private:
  void Reload() {
    Result<FileContent> content = ReadFileContent(path_, max_bytes_);
    Result<Value> next = content ? parse_(*content) : Propagate(content.error());
    last_error_ = next ? std::nullopt : std::optional(next.error());
    if (!next && current_ && on_fault_ == OnFault::kKeepLastGood) return;
    stamp_ = content ? std::optional(content->stamp) : std::nullopt;
    current_ = std::move(next);
  }

  const std::string path_;
  const size_t max_bytes_;
  const OnFault on_fault_;
  const Parse parse_;
  const std::chrono::milliseconds check_interval_;
  mutable std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> next_check_;   // guarded by mutex_
  std::optional<FileStamp> stamp_;                                    // guarded by mutex_
  std::optional<Error> last_error_;                                   // guarded by mutex_
  Result<Value> current_ = Fail(Code::kUnavailable, "not read yet");  // guarded by mutex_
};

}  // namespace nsdebug
