// A hostile archive into a folder: nothing is made outside of it, and nothing in it but files,
// folders and links, of no more bytes than were sent.

#include "copy/unpack.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/unique_fd.h"
#include "tests/fuzz/fuzz.h"

namespace nsdebug {
namespace {

namespace fs = std::filesystem;

// Of one file: more than an input can hold, and nothing that fills a disk.
constexpr rlim_t kMaxFileBytes = 16 << 20;

/// into/ is unpacked into; outside/ and what lies beside them is not ours. Once for all inputs.
class Place {
 public:
  Place() {
    std::string path = fs::temp_directory_path() / "ns-debug-fuzz-XXXXXX";
    Require(::mkdtemp(path.data()) != nullptr);
    root_ = path;
    fs::create_directory(outside());
    Write(outside() / "kept");
    // What exceeds the limit is a failed write, as on a full disk.
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{kMaxFileBytes, kMaxFileBytes};
    Require(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~Place() { fs::remove_all(root_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  fs::path into() const { return root_ / "into"; }
  fs::path outside() const { return root_ / "outside"; }

  /// What an earlier copy, or somebody else, has left.
  void Fill() const {
    fs::create_directories(into() / "x" / "folder");
    fs::create_symlink(outside(), into() / "x" / "absolute");
    fs::create_symlink("../../outside", into() / "x" / "up");
    fs::create_symlink("../../outside/kept", into() / "x" / "file");
    fs::create_symlink("../../outside/new", into() / "x" / "new");
    Write(into() / "x" / "text");
  }

  void RequireNothingOutside() const {
    size_t entries = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(outside()))
      ++entries;
    Require(entries == 1);
    Require(ReadFile(outside() / "kept").value() == "kept");
    struct stat info {};
    Require(::lstat((outside() / "kept").c_str(), &info) == 0);
    Require((info.st_mode & 07777) == 0640);
    Require(::lstat(outside().c_str(), &info) == 0);
    Require((info.st_mode & 0777) == 0755);
    entries = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root_)) ++entries;
    Require(entries == 2);
  }

  /// Bytes of all files. Removes what it has counted, so that folders without rights do not matter.
  uint64_t Empty(const fs::path& folder) const {
    fs::permissions(folder, fs::perms::owner_all);
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      struct stat info {};
      Require(::lstat(entry.path().c_str(), &info) == 0);
      Require(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode));
      Require((info.st_mode & 07000) == 0);
      Require(info.st_uid == ::geteuid());
      if (S_ISREG(info.st_mode)) bytes += static_cast<uint64_t>(info.st_size);
      if (S_ISDIR(info.st_mode)) bytes += Empty(entry.path());
    }
    fs::remove_all(folder);
    return bytes;
  }

 private:
  static void Write(const fs::path& path) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
    Require(WriteAll(fd.get(), "kept", "a file").has_value());
  }

  fs::path root_;
};

void RequireReadable(const CopyReport& report) {
  Require(report.faults.size() <= kMaxCopyFaults);
  for (const std::string& fault : report.faults) {
    for (const char c : fault) Require(c >= 0x20 && c < 0x7f);
  }
}

}  // namespace
}  // namespace nsdebug

/// The first byte says whether something is there already, and whether the copy has a name; then
/// the archive.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  static const Place place;
  if (size == 0) return 0;
  const std::string_view bytes = AsText(data + 1, size - 1);
  fs::create_directory(place.into());
  uint64_t before = 0;
  if ((data[0] & 1) != 0) {
    place.Fill();
    before = 4;
  }
  UniqueFd in(::memfd_create("archive", MFD_CLOEXEC));
  Require(WriteAll(in.get(), bytes, "the archive").has_value());
  Require(::lseek(in.get(), 0, SEEK_SET) == 0);
  UniqueFd into(::open(place.into().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string name = (data[0] & 2) != 0 ? "x" : "";
  const Result<CopyReport> report = Unpack(in.get(), into.get(), name, nullptr);
  place.RequireNothingOutside();
  if (!name.empty()) {
    for (const auto& entry : fs::directory_iterator(place.into())) {
      Require(entry.path().filename() == name);
    }
  }
  Require(place.Empty(place.into()) <= bytes.size() + before);
  if (report) {
    RequireReadable(*report);
    Require(report->bytes == bytes.size());
    Require(report->sha256.size() == 64);
  } else {
    for (const char c : report.error().message) Require(c >= 0x20 && c < 0x7f);
  }
  return 0;
}
