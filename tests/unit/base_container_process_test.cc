#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "base/container_process.h"

namespace nsdebug {
namespace {

const std::string kId(64, 'a');
const std::string kOther(64, 'b');

struct Case {
  const char* name;
  std::string cgroup;
  bool expected;
};

class CgroupNamesContainerTest : public testing::TestWithParam<Case> {};

TEST_P(CgroupNamesContainerTest, Decides) {
  EXPECT_EQ(CgroupNamesContainer(GetParam().cgroup, kId), GetParam().expected) << GetParam().cgroup;
}

const std::string kPodSlice =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/";

INSTANTIATE_TEST_SUITE_P(
    AllForms, CgroupNamesContainerTest,
    testing::Values(
        Case{"SystemdContainerd", "0::" + kPodSlice + "cri-containerd-" + kId + ".scope\n", true},
        Case{"SystemdCrio", "0::" + kPodSlice + "crio-" + kId + ".scope\n", true},
        Case{"SystemdCrioWithCrun", "0::" + kPodSlice + "crio-" + kId + ".scope/container\n", true},
        Case{"SystemdDocker", "0::" + kPodSlice + "docker-" + kId + ".scope\n", true},
        Case{"SystemdPodman", "0::/machine.slice/libpod-" + kId + ".scope/container\n", true},
        Case{"CgroupfsContainerd", "0::/kubepods/besteffort/pod1-2/" + kId + "\n", true},
        Case{"CgroupfsCrio", "0::/kubepods/pod1-2/crio-" + kId + "\n", true},
        Case{"CgroupfsDocker", "0::/docker/" + kId + "\n", true},
        Case{"SplitPodman", "0::/system.slice/web.service/libpod-payload-" + kId + "\n", true},
        Case{"SplitPodmanWithSystemdInside",
             "0::/system.slice/web.service/libpod-payload-" + kId + "/init.scope\n", true},
        Case{"SplitPodmansMonitor", "0::/system.slice/web.service/runtime\n", false},
        Case{"SplitPodmansOther", "0::/system.slice/web.service/libpod-payload-" + kOther + "\n",
             false},
        Case{"LibpodConmonIsNotTheContainer", "0::/machine.slice/libpod-conmon-" + kId + ".scope\n",
             false},
        Case{"CgroupfsPodman", "0::/libpod_parent/libpod-" + kId + "\n", true},
        Case{"SystemdInsideTheContainer",
             "0::" + kPodSlice + "cri-containerd-" + kId + ".scope/init.scope\n", true},
        Case{"OtherCgroupNamespace", "0::/../../cri-containerd-" + kId + ".scope\n", true},
        Case{"Version1",
             "5:pids:/kubepods/pod1-2/" + kId + "\n4:memory:/kubepods/pod1-2/" + kId +
                 "\n1:name=systemd:/kubepods/pod1-2/" + kId + "\n",
             true},
        Case{"HybridCountsOnlyVersion1", "5:pids:/user.slice\n0::/kubepods/pod1-2/" + kId + "\n",
             false},
        Case{"ConmonIsNotTheContainer", "0::" + kPodSlice + "crio-conmon-" + kId + ".scope\n",
             false},
        Case{"ConmonWithCgroupfs", "0::/kubepods/pod1-2/crio-conmon-" + kId + "\n", false},
        Case{"AnotherContainer", "0::/kubepods/pod1-2/" + kOther + "\n", false},
        Case{"LongerName", "0::/kubepods/pod1-2/" + kId + "0\n", false},
        Case{"UnknownPrefix", "0::/kubepods/pod1-2/evil-" + kId + ".scope\n", false},
        Case{"Empty", "", false}, Case{"NotACgroupFile", kId, false}),
    [](const auto& test) { return test.param.name; });

TEST(CgroupNamesContainerTest, NoIdMatchesNothing) {
  EXPECT_FALSE(CgroupNamesContainer("0::/\n", ""));
}

TEST(OpenContainerProcessTest, RefusesAProcessOutsideTheContainer) {
  Result<UniqueFd> pidfd = OpenContainerProcess(::getpid(), kId);
  ASSERT_FALSE(pidfd);
  EXPECT_EQ(pidfd.error().code, Code::kAborted);
  EXPECT_THAT(pidfd.error().message, testing::HasSubstr("is not in the cgroup of container aaaa"));
}

}  // namespace
}  // namespace nsdebug
