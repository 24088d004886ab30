#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "nsenter/credentials.h"

namespace nsdebug {
namespace {

TEST(PlanCredentialsTest, ChangesNothingUnasked) {
  const CredentialPlan plan = PlanCredentials({}, false);
  EXPECT_FALSE(plan.uid);
  EXPECT_FALSE(plan.gid);
  EXPECT_FALSE(plan.drop_groups);
}

TEST(PlanCredentialsTest, BecomesRootOfAJoinedUserNamespace) {
  const CredentialPlan plan = PlanCredentials({}, true);
  EXPECT_EQ(plan.uid->value, 0u);
  EXPECT_EQ(plan.gid->value, 0u);
  EXPECT_TRUE(plan.drop_groups);
}

TEST(PlanCredentialsTest, PreservesCredentialsWhenTold) {
  Options options;
  options.preserve_credentials = true;
  const CredentialPlan plan = PlanCredentials(options, true);
  EXPECT_FALSE(plan.uid);
  EXPECT_FALSE(plan.gid);
  EXPECT_FALSE(plan.drop_groups);
}

TEST(PlanCredentialsTest, SetuidAloneDoesNotLeaveRootsGroups) {
  Options options;
  options.setuid = Options::Id{false, 1000};
  const CredentialPlan plan = PlanCredentials(options, false);
  EXPECT_EQ(plan.uid->value, 1000u);
  EXPECT_EQ(plan.gid->value, 1000u);
  EXPECT_TRUE(plan.drop_groups);

  options.setuid = Options::Id{true, 0};
  EXPECT_TRUE(PlanCredentials(options, true).gid->follow);
}

TEST(PlanCredentialsTest, PreservedSetuidTouchesTheUserOnly) {
  Options options;
  options.setuid = Options::Id{false, 1000};
  options.preserve_credentials = true;
  const CredentialPlan plan = PlanCredentials(options, true);
  EXPECT_EQ(plan.uid->value, 1000u);
  EXPECT_FALSE(plan.gid);
  EXPECT_FALSE(plan.drop_groups);
}

TEST(PlanCredentialsTest, KeepsCapabilitiesOnlyOfAUserNamespace) {
  Options options;
  options.keep_caps = true;
  EXPECT_FALSE(PlanCredentials(options, false).keep_caps);
  EXPECT_TRUE(PlanCredentials(options, true).keep_caps);
}

TEST(ApplyCredentialsTest, FollowsNobodyWhoIsGone) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  Result<UniqueFd> pidfd = OpenPidfd(child);
  ASSERT_TRUE(pidfd);
  Result<ProcessHandle> target = ProcessHandle::FromPidfd(std::move(*pidfd));
  ASSERT_TRUE(target);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);

  CredentialPlan plan;
  plan.uid = Options::Id{true, 0};
  const Result<void> applied = ApplyCredentials(plan, &*target, false);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Code::kAborted);
}

}  // namespace
}  // namespace nsdebug
