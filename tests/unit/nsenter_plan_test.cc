#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/io.h"
#include "base/process.h"
#include "nsenter/plan.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;

Target Self() {
  Target target;
  target.pidfd = std::move(OpenPidfd(::getpid()).value());
  return target;
}

Target SandboxWithoutProcess() {
  Target target;
  target.pod_namespace = "shop";
  target.pod_name = "web";
  target.namespaces.push_back(
      {"net", "/run/netns/x", std::move(Open("/proc/self/ns/net").value())});
  target.namespaces.push_back(
      {"user", "/run/userns/x", std::move(Open("/proc/self/ns/user").value())});
  return target;
}

Options PodOptions() {
  Options options;
  options.target_kind = Options::TargetKind::kPod;
  return options;
}

void Want(Options* options, int flag, std::string source = {}) {
  options->namespaces[NamespaceIndex(flag)] = {true, std::move(source)};
}

TEST(MakePlanTest, AllLeavesOutTheUserNamespaceWeAreIn) {
  Options options;
  options.all = true;
  Target target = Self();
  Result<Plan> plan = MakePlan(options, &target);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->JoinedFlags() & CLONE_NEWUSER, 0);
  EXPECT_NE(plan->JoinedFlags() & CLONE_NEWNET, 0);
  EXPECT_TRUE(plan->fork);
}

TEST(MakePlanTest, PodTargetsKeepTheNodesFileSystemByDefault) {
  Target target = Self();
  Result<Plan> plan = MakePlan(PodOptions(), &target);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->JoinedFlags(),
            CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
}

TEST(MakePlanTest, ASandboxWithoutAProcessGivesWhatItHas) {
  Target target = SandboxWithoutProcess();
  Result<Plan> plan = MakePlan(PodOptions(), &target);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->JoinedFlags(), CLONE_NEWNET);
  EXPECT_FALSE(plan->fork);

  Options options = PodOptions();
  Want(&options, CLONE_NEWNS);
  target = SandboxWithoutProcess();
  EXPECT_EQ(MakePlan(options, &target).error().message,
            "pod shop/web has no mnt namespace to enter: its sandbox has no process");
}

TEST(MakePlanTest, ForksForAPidNamespaceUnlessTold) {
  Options options;
  Want(&options, CLONE_NEWPID, "/proc/self/ns/pid");
  Target none;
  EXPECT_TRUE(MakePlan(options, &none)->fork);
  options.no_fork = true;
  EXPECT_FALSE(MakePlan(options, &none)->fork);
}

TEST(MakePlanTest, SaysWhatIsMissing) {
  const auto message = [](const Options& options) {
    Target none;
    Result<Plan> plan = MakePlan(options, &none);
    return plan ? std::string("no error") : plan.error().message;
  };
  Options options;
  EXPECT_THAT(message(options), HasSubstr("no namespace specified"));
  Want(&options, CLONE_NEWNET);
  EXPECT_THAT(message(options), HasSubstr("--net without a file needs the process of a target"));
  Want(&options, CLONE_NEWNET, "/proc/self/ns/net");
  options.environment = true;
  EXPECT_THAT(message(options), HasSubstr("--env needs the process of a target"));
  options.environment = false;
  options.setuid = Options::Id{true, 0};
  EXPECT_THAT(message(options), HasSubstr("'follow' needs the process of a target"));
}

TEST(MakePlanTest, RefusesToJoinItsOwnUserNamespace) {
  Options options;
  Want(&options, CLONE_NEWUSER);
  Target target = Self();
  EXPECT_THAT(MakePlan(options, &target).error().message, HasSubstr("we are in it already"));
}

TEST(MakePlanTest, TakesOnlyRealVariablesFromTheEnvironment) {
  Options options;
  Want(&options, CLONE_NEWNET);
  options.environment = true;
  Target target = Self();
  Result<Plan> plan = MakePlan(options, &target);
  ASSERT_TRUE(plan);
  for (const std::string& variable : *plan->environment) {
    EXPECT_NE(variable.find('='), std::string::npos);
  }
}

}  // namespace
}  // namespace nsdebug
