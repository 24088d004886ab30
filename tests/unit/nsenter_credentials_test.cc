#include <gtest/gtest.h>

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

}  // namespace
}  // namespace nsdebug
