#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nsenter/cgroup.h"

namespace nsdebug {
namespace {

constexpr const char kHybrid[] =
    "28 20 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "29 28 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "30 28 0:27 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd\n"
    "31 28 0:28 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 28 0:29 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw,nsdelegate\n"
    "33 28 0:29 / /second rw - cgroup2 cgroup2 rw\n";

TEST(ParseCgroupMountsTest, ReadsEveryHierarchyOnce) {
  const std::vector<CgroupMount> mounts = ParseCgroupMounts(kHybrid);
  ASSERT_EQ(mounts.size(), 4u);
  EXPECT_EQ(mounts[0].controllers, "cpu,cpuacct");
  EXPECT_EQ(mounts[1].controllers, "name=systemd");
  EXPECT_EQ(mounts[2].root, "/docker/x");
  EXPECT_EQ(mounts[3].controllers, "");
  EXPECT_EQ(mounts[3].mount_point, "/sys/fs/cgroup/uni fied");
}

TEST(FindCgroupDirectoryTest, FindsPathsBelowTheMount) {
  const std::vector<CgroupMount> mounts = ParseCgroupMounts(kHybrid);
  EXPECT_EQ(FindCgroupDirectory(mounts, "cpuacct,cpu", "/a/b").value(),
            "/sys/fs/cgroup/cpu,cpuacct/a/b");
  EXPECT_EQ(FindCgroupDirectory(mounts, "memory", "/docker/x/y").value(),
            "/sys/fs/cgroup/memory/y");
  EXPECT_EQ(FindCgroupDirectory(mounts, "memory", "/docker/x").value(), "/sys/fs/cgroup/memory");
  EXPECT_EQ(FindCgroupDirectory(mounts, "", "/").value(), "/sys/fs/cgroup/uni fied/");
}

TEST(FindCgroupDirectoryTest, RefusesWhatIsNotMounted) {
  const std::vector<CgroupMount> mounts = ParseCgroupMounts(kHybrid);
  EXPECT_EQ(FindCgroupDirectory(mounts, "pids", "/a").error().message,
            "the cgroup v1 pids hierarchy is not mounted here");
  EXPECT_THAT(FindCgroupDirectory(mounts, "memory", "/docker/xy").error().message,
              testing::HasSubstr("lies outside what is mounted at /sys/fs/cgroup/memory"));
  EXPECT_FALSE(FindCgroupDirectory(mounts, "", "/../other"));
}

}  // namespace
}  // namespace nsdebug
