#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "base/io.h"
#include "kubectl/copy/copy_operands.h"
#include "kubectl/copy/copy_progress.h"
#include "kubectl/copy/copy_streams.h"

namespace nsdebug::kubectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CopyOperandsTest, WhichWay) {
  const auto out = ParseCopyOperands("pod/web:/var/log", "logs");
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->is_download);
  EXPECT_EQ(out->target, "pod/web");
  EXPECT_EQ(out->remote_path, "/var/log");
  EXPECT_EQ(out->local_path, "logs");
  const auto in = ParseCopyOperands("./a:b", "web:/tmp/a:b");
  ASSERT_TRUE(in);
  EXPECT_FALSE(in->is_download);
  EXPECT_EQ(in->local_path, "./a:b");
  EXPECT_EQ(in->remote_path, "/tmp/a:b");
}

TEST(CopyOperandsTest, OneOfThemIsInATarget) {
  for (const auto& [source, destination] : std::vector<std::pair<std::string, std::string>>{
           {"a", "b"}, {"x:/a", "y:/b"}, {"/x:/a", "b"}, {"x:a", "b"}, {"x:", "b"}, {"x:/a", ""}}) {
    const auto operands = ParseCopyOperands(source, destination);
    ASSERT_FALSE(operands) << source << " " << destination;
    EXPECT_EQ(operands.error().code, Code::kInvalidArgument);
    EXPECT_THAT(operands.error().message, HasSubstr("cp: "));
  }
}

TEST(CopyOperandsTest, PartsOfPaths) {
  struct Case {
    const char* path;
    const char* folder;
    const char* last;
  };
  for (const Case& one : {Case{"/a/b", "/a", "b"}, Case{"/a/b/", "/a", "b"}, Case{"/a", "/", "a"},
                          Case{"a", ".", "a"}, Case{"/", "/", "."}, Case{".", ".", "."},
                          Case{"/a/..", "/a/..", "."}, Case{"a/.", "a/.", "."}}) {
    EXPECT_EQ(FolderOf(one.path), one.folder) << one.path;
    EXPECT_EQ(LastPart(one.path), one.last) << one.path;
  }
}

TEST(CopyStreamsTest, WordsAndTheChecksum) {
  const RemoteWords words = ReadRemoteWords("a: gone\x1b\nns-copy: sha256 00ff\n\n");
  EXPECT_EQ(words.sha256, "00ff");
  EXPECT_THAT(words.said, ElementsAre("a: gone\\x1b"));
}

TEST(CopyStreamsTest, AnEndThatGivesUpHoldsNobodyUp) {
  // As in the plugin.
  ::signal(SIGPIPE, SIG_IGN);
  const auto work = [](int) -> Result<CopyReport> { return Fail(Code::kUnavailable, "gave up"); };
  auto streams = CopyStreams::Start(true, work);
  ASSERT_TRUE(streams);
  const LocalDescriptors local = (*streams)->descriptors();
  ASSERT_TRUE(WriteAll(local.err, "said\n", "words"));
  // More than a pipe holds: nobody reads it, and that is an error instead of a wait.
  Result<void> written;
  for (int i = 0; i < 1000 && written; ++i) {
    written = WriteAll(local.out, std::string(4096, 'x'), "data");
  }
  EXPECT_FALSE(written);
  EXPECT_EQ((*streams)->Finish().error().message, "gave up");
  EXPECT_EQ((*streams)->Words(), "said\n");
}

TEST(CopyProgressTest, SizesAreShort) {
  EXPECT_EQ(SizeText(0), "0 B");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
  EXPECT_EQ(SizeText(uint64_t{3} << 30), "3.0 GiB");
}

}  // namespace
}  // namespace nsdebug::kubectl
