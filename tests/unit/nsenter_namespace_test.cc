#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "nsenter/namespace.h"

namespace nsdebug {
namespace {

const NamespaceType& kNet = kNamespaceTypes[NamespaceIndex(CLONE_NEWNET)];

TEST(ParseNamespaceListTest, KnowsNamesAndTheirOptions) {
  EXPECT_EQ(ParseNamespaceList("net,uts").value(), CLONE_NEWNET | CLONE_NEWUTS);
  EXPECT_EQ(ParseNamespaceList("mnt").value(), ParseNamespaceList("mount").value());
  EXPECT_THAT(ParseNamespaceList("net,nett").error().message,
              testing::HasSubstr("unknown namespace 'nett'"));
  EXPECT_FALSE(ParseNamespaceList(""));
}

TEST(NamespaceNamesTest, ListsInTheOrderOfTheTable) {
  EXPECT_EQ(NamespaceNames(CLONE_NEWNET | CLONE_NEWUTS), "uts, net");
}

TEST(OpenNamespaceFileTest, OpensOneOfTheRightKindOnly) {
  EXPECT_TRUE(OpenNamespaceFile("/proc/self/ns/net", kNet));
  EXPECT_EQ(OpenNamespaceFile("/proc/self/ns/uts", kNet).error().message,
            "/proc/self/ns/uts is a uts namespace, not a net namespace");
  EXPECT_EQ(OpenNamespaceFile("/etc/passwd", kNet).error().message,
            "/etc/passwd is not a namespace file");
  EXPECT_EQ(OpenNamespaceFile("/nonexistent", kNet).error().code, Code::kNotFound);
}

TEST(OpenNamespaceFileTest, IsNotHeldByAFifo) {
  std::string directory = std::filesystem::temp_directory_path() / "nsdebug-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string fifo = directory + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(OpenNamespaceFile(fifo, kNet).error().message,
              testing::HasSubstr("is not a namespace file"));
  std::filesystem::remove_all(directory);
}

TEST(OpenNamespaceByIdTest, RefusesWhatIsNoNumber) {
  for (const char* bad : {"", "-1", "1x", "./file"}) {
    Result<UniqueFd> fd = OpenNamespaceById(bad, kNet);
    ASSERT_FALSE(fd) << bad;
    EXPECT_EQ(fd.error().code, Code::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace nsdebug
