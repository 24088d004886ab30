#include "copy/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "copy/confined_path.h"
#include "copy/digest.h"

namespace nsdebug {

namespace {

constexpr size_t kPieceBytes = 128 << 10;
// Folders whose modes wait for the end.
constexpr size_t kMaxFolders = 1'000'000;
constexpr mode_t kModeBits = 0777;

/// A path's last part and what is before it; "." when there is nothing.
std::pair<std::string, std::string> SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

class Unpacker {
 public:
  Unpacker(int in, int directory, std::string name, const CopyProgress& progress)
      : in_(in),
        directory_(directory),
        name_(std::move(name)),
        progress_(progress),
        archive_(archive_read_new()) {}
  ~Unpacker() { archive_read_free(archive_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  Result<CopyReport> Run() {
    archive_read_support_format_tar(archive_);
    if (archive_read_open(archive_, this, nullptr, &Unpacker::Read, nullptr) != ARCHIVE_OK) {
      return StreamError();
    }
    for (;;) {
      archive_entry* entry = nullptr;
      const int got = archive_read_next_header(archive_, &entry);
      if (got == ARCHIVE_EOF) break;
      if (got < ARCHIVE_WARN) return StreamError();
      if (Result<void> made = Make(entry); !made) return Propagate(made.error());
    }
    if (report_.bytes == 0) {
      return Fail(Code::kUnavailable, "the copy was cut off before its first file");
    }
    // What fills the last block belongs to the checksum.
    while (Fill() > 0) {
    }
    FinishFolders();
    report_.sha256 = digest_.Finish();
    return std::move(report_);
  }

 private:
  static la_ssize_t Read(archive* /*archive*/, void* self, const void** data) {
    auto* unpacker = static_cast<Unpacker*>(self);
    *data = unpacker->buffer_.data();
    return unpacker->Fill();
  }

  ssize_t Fill() {
    ssize_t count = 0;
    do {
      count = ::read(in_, buffer_.data(), buffer_.size());
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return count;
    digest_.Add({buffer_.data(), static_cast<size_t>(count)});
    report_.bytes += static_cast<uint64_t>(count);
    if (progress_) progress_(report_.bytes);
    return count;
  }

  Failure StreamError() const {
    const char* why = archive_error_string(archive_);
    return Fail(Code::kUnavailable, fmt::format("the copy was cut off: {}",
                                                Printable(why == nullptr ? "no archive" : why)));
  }

  void Fault(const std::string& path, std::string_view why) {
    if (report_.faults.size() >= kMaxCopyFaults) return;
    report_.faults.push_back(fmt::format("{}: {}", Printable(path, kMaxPathBytes), why));
  }
  void Fault(const std::string& path) { Fault(path, std::strerror(errno)); }

  /// Where an entry goes: under our name in place of the archive's.
  Result<std::string> PathOf(archive_entry* entry) {
    const char* given = archive_entry_pathname(entry);
    Result<std::string> path = CheckedRelativePath(given == nullptr ? "" : given);
    if (!path) return path;
    const size_t slash = path->find('/');
    const std::string first = path->substr(0, slash);
    if (root_.empty()) root_ = first;
    if (first != root_) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("'{}' is not below '{}'", Printable(*path), Printable(root_)));
    }
    if (name_.empty()) return path;
    return slash == std::string::npos ? name_ : name_ + path->substr(slash);
  }

  Result<void> Make(archive_entry* entry) {
    Result<std::string> path = PathOf(entry);
    // Whoever sends such a thing is not our Pack().
    if (!path) return Propagate(path.error(), "the copy");
    if (archive_entry_hardlink(entry) != nullptr) {
      return Fail(Code::kInvalidArgument, "the copy: a hard link, which Pack() does not write");
    }
    const auto [parent, last] = SplitPath(*path);
    Result<UniqueFd> folder = OpenBeneath(directory_, parent, O_PATH | O_DIRECTORY);
    if (!folder) {
      Fault(*path, folder.error().message);
      return {};
    }
    switch (archive_entry_filetype(entry)) {
      case AE_IFDIR:
        MakeFolder(folder->get(), last, *path, entry);
        return {};
      case AE_IFREG:
        return MakeFile(folder->get(), last, *path, entry);
      case AE_IFLNK:
        MakeLink(folder->get(), last, *path, entry);
        return {};
      default:
        Fault(*path, "is neither a file nor a folder nor a link");
        return {};
    }
  }

  void MakeFolder(int parent, const std::string& last, const std::string& path,
                  archive_entry* entry) {
    // Ours to write until everything is in it.
    const bool is_new = ::mkdirat(parent, last.c_str(), 0700) == 0;
    if (!is_new && errno != EEXIST) return Fault(path);
    struct stat info {};
    if (::fstatat(parent, last.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Fault(path);
    if (!S_ISDIR(info.st_mode)) return Fault(path, "is there, and is no folder");
    ++report_.entries;
    if (!is_new) return;
    if (folders_.size() >= kMaxFolders) return Fault(path, "too many folders");
    folders_.push_back({path,
                        static_cast<mode_t>(archive_entry_perm(entry)) & kModeBits,
                        {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}});
  }

  Result<void> MakeFile(int parent, const std::string& last, const std::string& path,
                        archive_entry* entry) {
    // Not through a link, and not into a FIFO that waits for a reader.
    UniqueFd file(::openat(parent, last.c_str(),
                           O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                           0600));
    struct stat info {};
    if (!file.valid() || ::fstat(file.get(), &info) != 0) {
      Fault(path);
      return {};
    }
    if (!S_ISREG(info.st_mode)) {
      Fault(path, "is there, and is no file");
      return {};
    }
    if (::ftruncate(file.get(), 0) != 0) {
      Fault(path);
      return {};
    }
    ++report_.entries;
    if (Result<void> copied = CopyData(file.get(), path); !copied) return copied;
    const mode_t mode = static_cast<mode_t>(archive_entry_perm(entry)) & kModeBits;
    if (::fchmod(file.get(), mode) != 0) Fault(path);
    const timespec time{archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
    const std::array<timespec, 2> times = {time, time};
    (void)::futimens(file.get(), times.data());
    return {};
  }

  Result<void> CopyData(int file, const std::string& path) {
    for (;;) {
      const la_ssize_t count = archive_read_data(archive_, data_.data(), data_.size());
      if (count == 0) return {};
      if (count < 0) return StreamError();
      // A sparse file has its holes as zeros here, exabytes of them for a few bytes of archive.
      data_bytes_ += static_cast<uint64_t>(count);
      if (data_bytes_ > report_.bytes) {
        return Fail(Code::kInvalidArgument,
                    "the copy: more bytes of files than were sent, which Pack() does not write");
      }
      Result<void> written =
          WriteAll(file, {data_.data(), static_cast<size_t>(count)}, Printable(path));
      if (!written) {
        // The rest of it is skipped with the next header.
        Fault(path, written.error().message);
        return {};
      }
    }
  }

  void MakeLink(int parent, const std::string& last, const std::string& path,
                archive_entry* entry) {
    const char* to = archive_entry_symlink(entry);
    if (to == nullptr) return Fault(path, "a link to nothing");
    // One that is there is replaced, and nothing else is: unlinkat() leaves folders alone.
    struct stat info {};
    const bool is_link =
        ::fstatat(parent, last.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
    if (is_link) (void)::unlinkat(parent, last.c_str(), 0);
    if (::symlinkat(to, parent, last.c_str()) != 0) return Fault(path);
    ++report_.entries;
  }

  /// Last, inner ones first: a folder may be one that we must not write to.
  void FinishFolders() {
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
      Result<UniqueFd> fd = OpenBeneath(directory_, folder->path, O_RDONLY | O_DIRECTORY);
      if (!fd) {
        Fault(folder->path, fd.error().message);
        continue;
      }
      const std::array<timespec, 2> times = {folder->time, folder->time};
      (void)::futimens(fd->get(), times.data());
      if (::fchmod(fd->get(), folder->mode) != 0) Fault(folder->path);
    }
  }

  struct Folder {
    std::string path;
    mode_t mode;
    timespec time;
  };

  const int in_;
  const int directory_;
  const std::string name_;
  const CopyProgress& progress_;
  archive* archive_;
  std::string root_;  ///< of the archive
  std::vector<Folder> folders_;
  Digest digest_;
  CopyReport report_;
  uint64_t data_bytes_ = 0;  ///< of all files
  std::vector<char> buffer_ = std::vector<char>(kPieceBytes);
  std::vector<char> data_ = std::vector<char>(kPieceBytes);
};

}  // namespace

Result<CopyReport> Unpack(int in, int directory, const std::string& name,
                          const CopyProgress& progress) {
  return Unpacker(in, directory, name, progress).Run();
}

}  // namespace nsdebug
