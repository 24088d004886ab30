#include "copy/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/io.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "copy/confined_path.h"
#include "copy/digest.h"
#include "copy/pax_header.h"

namespace nsdebug {

namespace {

constexpr size_t kPieceBytes = 128 << 10;
// Files of /proc and /sys say that they are empty; what they have is not more.
constexpr size_t kMaxUnsizedBytes = size_t{4} << 20;
// Each level holds a descriptor.
constexpr int kMaxDepth = 200;

class Packer {
 public:
  Packer(int out, const CopyProgress& progress) : out_(out), progress_(progress) {}

  Result<CopyReport> Run(int fd, const std::string& name) {
    if (Result<void> packed = PackOpen(fd, name, 0); !packed) return Propagate(packed.error());
    if (Result<void> ended = WriteData(PaxEnd()); !ended) return Propagate(ended.error());
    if (Result<void> flushed = Flush(); !flushed) return Propagate(flushed.error());
    report_.sha256 = digest_.Finish();
    return std::move(report_);
  }

 private:
  /// Pieces of a size that is worth a system call.
  Result<void> WriteData(std::string_view data) {
    pending_.append(data);
    return pending_.size() < kPieceBytes ? Result<void>() : Flush();
  }

  Result<void> Flush() {
    if (pending_.empty()) return {};
    digest_.Add(pending_);
    report_.bytes += pending_.size();
    if (!WriteAll(out_, pending_, "the stream")) {
      return Fail(Code::kUnavailable, "the copy was cut off: nobody reads it any more");
    }
    pending_.clear();
    if (progress_) progress_(report_.bytes);
    return {};
  }

  void Fault(const std::string& path, std::string_view why) {
    if (report_.faults.size() >= kMaxCopyFaults) return;
    report_.faults.push_back(fmt::format("{}: {}", Printable(path, kMaxPathBytes), why));
  }

  static PaxEntry NewEntry(const std::string& path, PaxEntry::Type type, const struct stat& info) {
    PaxEntry entry;
    entry.path = path;
    entry.type = type;
    // Whose they are is not copied, so whose rights they would run with is not either.
    entry.mode = info.st_mode & 0777;
    entry.mtime = info.st_mtim;
    return entry;
  }

  Result<void> Begin(const PaxEntry& entry) {
    ++report_.entries;
    return WriteData(EncodePaxHeader(entry));
  }

  Result<void> PackOpen(int fd, const std::string& path, int depth) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
      Fault(path, std::strerror(errno));
      return {};
    }
    if (S_ISDIR(info.st_mode)) return PackFolder(fd, path, info, depth);
    if (S_ISREG(info.st_mode)) return PackFile(fd, path, info);
    Fault(path, "is neither a file nor a folder");
    return {};
  }

  Result<void> PackFile(int fd, const std::string& path, const struct stat& info) {
    std::string first;
    auto size = static_cast<uint64_t>(info.st_size);
    if (size == 0) {
      Result<std::string> all = ReadAll(fd, path, kMaxUnsizedBytes);
      if (!all) {
        Fault(path, all.error().message);
        return {};
      }
      first = std::move(*all);
      size = first.size();
    }
    PaxEntry entry = NewEntry(path, PaxEntry::Type::kFile, info);
    entry.size = size;
    if (Result<void> begun = Begin(entry); !begun) return begun;
    Result<void> copied = first.empty() ? CopyData(fd, path, size) : WriteData(first);
    return copied ? WriteData(PaxPadding(size)) : copied;
  }

  /// As much as the header says: a file may grow or shrink while it is read.
  Result<void> CopyData(int fd, const std::string& path, uint64_t left) {
    while (left > 0) {
      const ssize_t count = ::read(fd, buffer_.data(), std::min<uint64_t>(left, buffer_.size()));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        Fault(path, count < 0 ? std::strerror(errno) : "became shorter while it was read");
        return FillUp(left);
      }
      const auto size = static_cast<size_t>(count);
      if (Result<void> written = WriteData({buffer_.data(), size}); !written) return written;
      left -= size;
    }
    return {};
  }

  /// What is missing, as zeros.
  Result<void> FillUp(uint64_t left) {
    const std::string zeros(kPieceBytes, '\0');
    while (left > 0) {
      const std::string_view piece = std::string_view(zeros).substr(0, left);
      if (Result<void> written = WriteData(piece); !written) return written;
      left -= piece.size();
    }
    return {};
  }

  Result<void> PackFolder(int fd, const std::string& path, const struct stat& info, int depth) {
    const PaxEntry entry = NewEntry(path, PaxEntry::Type::kFolder, info);
    if (Result<void> begun = Begin(entry); !begun) return begun;
    if (depth >= kMaxDepth) {
      Fault(path, "too many folders inside one another");
      return {};
    }
    std::vector<std::string> names;
    if (!ListNames(fd, &names)) {
      Fault(path, std::strerror(errno));
      return {};
    }
    for (const std::string& name : names) {
      Result<void> packed = PackChild(fd, name, path + "/" + name, depth + 1);
      if (!packed) return packed;
    }
    return {};
  }

  static bool ListNames(int fd, std::vector<std::string>* names) {
    const int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
    if (stream == nullptr) {
      if (copy >= 0) ::close(copy);
      return false;
    }
    while (const dirent* one = ::readdir(stream)) {
      const std::string_view name(one->d_name);
      if (name != "." && name != "..") names->emplace_back(name);
    }
    ::closedir(stream);
    // In one order, whatever the file system has.
    std::sort(names->begin(), names->end());
    return true;
  }

  Result<void> PackChild(int folder, const std::string& name, const std::string& path, int depth) {
    struct stat info {};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      Fault(path, std::strerror(errno));
      return {};
    }
    if (S_ISLNK(info.st_mode)) return PackLink(folder, name, path, info);
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
      Fault(path, "is neither a file nor a folder nor a link");
      return {};
    }
    // It may be another one by now, even a link: then this fails, or packs what is open.
    UniqueFd fd(
        ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd.valid()) {
      Fault(path, std::strerror(errno));
      return {};
    }
    return PackOpen(fd.get(), path, depth);
  }

  Result<void> PackLink(int folder, const std::string& name, const std::string& path,
                        const struct stat& info) {
    std::string to(kMaxPathBytes, '\0');
    const ssize_t size = ::readlinkat(folder, name.c_str(), to.data(), to.size());
    if (size < 0 || static_cast<size_t>(size) == to.size()) {
      Fault(path, size < 0 ? std::strerror(errno) : "a link to too long a path");
      return {};
    }
    to.resize(static_cast<size_t>(size));
    PaxEntry entry = NewEntry(path, PaxEntry::Type::kLink, info);
    entry.link = std::move(to);
    return Begin(entry);
  }

  const int out_;
  const CopyProgress& progress_;
  std::string pending_;
  Digest digest_;
  CopyReport report_;
  std::vector<char> buffer_ = std::vector<char>(kPieceBytes);
};

}  // namespace

Result<CopyReport> Pack(int fd, const std::string& name, int out, const CopyProgress& progress) {
  return Packer(out, progress).Run(fd, name);
}

}  // namespace nsdebug
