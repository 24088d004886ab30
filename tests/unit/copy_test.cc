#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/unique_fd.h"
#include "copy/confined_path.h"
#include "copy/digest.h"
#include "copy/pack.h"
#include "copy/pax_header.h"
#include "copy/unpack.h"

namespace nsdebug {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A folder to copy from, one to copy into, and one that nothing may be written to.
class CopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "ns-debug-copy-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    for (const char* name : {"from", "into", "outside"}) fs::create_directory(root_ / name);
  }
  void TearDown() override { fs::remove_all(root_); }

  static void Write(const fs::path& path, const std::string& text) {
    Result<UniqueFd> fd = Open(path, O_WRONLY | O_CREAT | O_TRUNC);
    ASSERT_TRUE(fd);
    ASSERT_TRUE(WriteAll(fd->get(), text, "a file"));
  }
  static std::string Text(const fs::path& path) { return ReadFile(path).value_or("(none)"); }

  /// Unpacks these bytes into into/, under the name x.
  Result<CopyReport> UnpackBytes(const std::string& bytes) {
    Write(root_ / "archive", bytes);
    UniqueFd in(::open((root_ / "archive").c_str(), O_RDONLY));
    UniqueFd into(::open((root_ / "into").c_str(), O_RDONLY | O_DIRECTORY));
    return Unpack(in.get(), into.get(), "x", nullptr);
  }

  Result<CopyReport> PackFrom(const fs::path& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY));
    UniqueFd out(::open((root_ / "archive").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    return Pack(fd.get(), "named", out.get(), nullptr);
  }

  fs::path root_;
};

std::string FileEntry(const std::string& path, const std::string& data) {
  PaxEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = data.size();
  return EncodePaxHeader(entry) + data + PaxPadding(data.size());
}

std::string LinkEntry(const std::string& path, const std::string& to) {
  PaxEntry entry;
  entry.path = path;
  entry.type = PaxEntry::Type::kLink;
  entry.link = to;
  return EncodePaxHeader(entry);
}

std::string FolderEntry(const std::string& path, mode_t mode = 0755) {
  PaxEntry entry;
  entry.path = path;
  entry.type = PaxEntry::Type::kFolder;
  entry.mode = mode;
  return EncodePaxHeader(entry);
}

TEST_F(CopyTest, WhatIsPackedIsUnpacked) {
  const std::string name(150, 'n');
  fs::create_directories(root_ / "from" / name / name);
  Write(root_ / "from" / name / name / "\xe4\xff", "bytes");
  Write(root_ / "from" / "large", std::string(700'000, 'x'));
  ::chmod((root_ / "from" / "large").c_str(), 04751);
  fs::create_symlink("/etc/passwd", root_ / "from" / "link");
  const Result<CopyReport> packed = PackFrom(root_ / "from");
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_THAT(packed->faults, ElementsAre());
  EXPECT_EQ(packed->entries, 6U);

  const std::string bytes = ReadFile(root_ / "archive").value();
  EXPECT_EQ(packed->bytes, bytes.size());
  const Result<CopyReport> unpacked = UnpackBytes(bytes);
  ASSERT_TRUE(unpacked) << unpacked.error().message;
  EXPECT_EQ(unpacked->sha256, packed->sha256);
  EXPECT_EQ(unpacked->bytes, packed->bytes);
  EXPECT_EQ(unpacked->entries, packed->entries);
  const fs::path x = root_ / "into" / "x";
  EXPECT_EQ(Text(x / name / name / "\xe4\xff"), "bytes");
  EXPECT_EQ(Text(x / "large"), std::string(700'000, 'x'));
  EXPECT_EQ(fs::status(x / "large").permissions(), fs::perms(0751));
  EXPECT_EQ(fs::read_symlink(x / "link"), "/etc/passwd");
}

TEST_F(CopyTest, AFifoIsAFaultAndTheRestIsPacked) {
  ::mkfifo((root_ / "from" / "a-fifo").c_str(), 0600);
  Write(root_ / "from" / "b", "text");
  const Result<CopyReport> packed = PackFrom(root_ / "from");
  ASSERT_TRUE(packed);
  EXPECT_THAT(packed->faults,
              ElementsAre("named/a-fifo: is neither a file nor a folder nor a link"));
  EXPECT_EQ(packed->entries, 2U);
}

TEST_F(CopyTest, APathThatLeadsOutIsRefused) {
  for (const char* path : {"../x", "/x", "x/../../y", "x//y", "x/./y", ".."}) {
    const Result<CopyReport> report = UnpackBytes(FileEntry(path, "evil") + PaxEnd());
    EXPECT_FALSE(report) << path;
  }
  // Of another root than that of the first entry.
  const Result<CopyReport> report =
      UnpackBytes(FolderEntry("x") + FileEntry("y/z", "evil") + PaxEnd());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("'y/z' is not below 'x'"));
  EXPECT_FALSE(fs::exists(root_ / "into" / "y"));
}

TEST_F(CopyTest, ALinkThatCameWithTheArchiveIsNotFollowed) {
  const std::string outside = root_ / "outside";
  const Result<CopyReport> report = UnpackBytes(
      FolderEntry("x") + LinkEntry("x/link", outside) + FileEntry("x/link/evil", "evil") +
      FolderEntry("x/link/folder") + LinkEntry("x/file", outside + "/target") +
      FileEntry("x/file", "evil") + FileEntry("x/good", "good") + PaxEnd());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->faults.size(), 3U);
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_EQ(Text(root_ / "into" / "x" / "good"), "good");
}

TEST_F(CopyTest, ALinkThatWasThereIsNotFollowed) {
  Write(root_ / "outside" / "kept", "kept");
  fs::create_symlink(root_ / "outside" / "kept", root_ / "into" / "x");
  const Result<CopyReport> report = UnpackBytes(FileEntry("x", "evil") + PaxEnd());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->faults.size(), 1U);
  EXPECT_EQ(Text(root_ / "outside" / "kept"), "kept");
}

TEST_F(CopyTest, AFolderWithoutRightsIsFilledAllTheSame) {
  const Result<CopyReport> report =
      UnpackBytes(FolderEntry("x", 0500) + FileEntry("x/file", "text") + PaxEnd());
  ASSERT_TRUE(report);
  EXPECT_THAT(report->faults, ElementsAre());
  EXPECT_EQ(fs::status(root_ / "into" / "x").permissions(), fs::perms(0500));
}

TEST_F(CopyTest, WhatIsCutOffIsNoCopy) {
  const std::string whole = FileEntry("x", std::string(5000, 'x')) + PaxEnd();
  for (const size_t size : {size_t{0}, size_t{100}, size_t{2000}, size_t{5000}}) {
    const Result<CopyReport> report = UnpackBytes(whole.substr(0, size));
    ASSERT_FALSE(report) << size;
    EXPECT_EQ(report.error().code, Code::kUnavailable) << size;
  }
  EXPECT_FALSE(UnpackBytes("sh: ns-copy: not found\n"));
}

/// A header of ustar, of which Pack() writes other ones.
std::string RawHeader(const std::string& name, char type, size_t size) {
  std::string header(kPaxBlockBytes, '\0');
  const auto put = [&](size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  put(0, name);
  put(100, "0000644");
  put(124, fmt::format("{:011o}", size));
  put(136, "00000000000");
  put(148, "        ");
  put(156, std::string(1, type));
  put(257, std::string("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  return header;
}

/// One record of an extended header; its length counts itself.
std::string PaxRecord(const std::string& text) {
  size_t size = text.size() + 3;
  while (fmt::format("{} {}\n", size, text).size() != size) ++size;
  return fmt::format("{} {}\n", size, text);
}

TEST_F(CopyTest, AFileWithHolesDoesNotFillTheDisk) {
  const std::string records = PaxRecord("GNU.sparse.major=1") + PaxRecord("GNU.sparse.minor=0") +
                              PaxRecord("GNU.sparse.name=x") +
                              PaxRecord("GNU.sparse.realsize=1000000001");
  // One byte at the start, and one behind a gigabyte of nothing.
  std::string map = "2\n0\n1\n1000000000\n1\n";
  map += PaxPadding(map.size()) + "ab";
  const std::string archive = RawHeader("pax", 'x', records.size()) + records +
                              PaxPadding(records.size()) + RawHeader("x", '0', map.size()) + map +
                              PaxPadding(map.size()) + PaxEnd();
  const Result<CopyReport> report = UnpackBytes(archive);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("more bytes of files than were sent"));
  EXPECT_LE(fs::file_size(root_ / "into" / "x"), archive.size());
}

TEST_F(CopyTest, ARootHasItsOwnLinks) {
  const fs::path root = root_ / "into";
  Write(root / "secret", "of the root");
  Write(root_ / "outside" / "secret", "of the outside");
  fs::create_symlink("/secret", root / "absolute");
  fs::create_symlink("../../outside/secret", root / "up");
  fs::create_symlink("/proc/self/root", root / "magic");
  UniqueFd fd(::open(root.c_str(), O_PATH | O_DIRECTORY));
  for (const char* path : {"/absolute", "absolute", "/../secret"}) {
    Result<UniqueFd> opened = OpenInRoot(fd.get(), path, O_RDONLY);
    ASSERT_TRUE(opened) << path << ": " << opened.error().message;
    EXPECT_EQ(ReadAll(opened->get(), path).value(), "of the root") << path;
  }
  EXPECT_FALSE(OpenInRoot(fd.get(), "/up", O_RDONLY));
  EXPECT_FALSE(OpenBeneath(fd.get(), "absolute", O_RDONLY));
  EXPECT_FALSE(OpenBeneath(fd.get(), "../outside/secret", O_RDONLY));
}

TEST(DigestTest, IsSha256) {
  Digest digest;
  digest.Add("a");
  digest.Add("bc");
  EXPECT_EQ(digest.Finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(PaxHeaderTest, IsWholeBlocks) {
  PaxEntry entry;
  for (size_t length = 1; length < 1200; length += 7) {
    entry.path = std::string(length, 'p');
    EXPECT_EQ(EncodePaxHeader(entry).size() % kPaxBlockBytes, 0U) << length;
  }
  EXPECT_EQ(PaxPadding(0), "");
  EXPECT_EQ(PaxPadding(512), "");
  EXPECT_EQ(PaxPadding(1).size(), 511U);
}

}  // namespace
}  // namespace nsdebug
