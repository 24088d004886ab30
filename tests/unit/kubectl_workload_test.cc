#include <gtest/gtest.h>

#include "kubectl/workload.h"

namespace nsdebug::kubectl {
namespace {

std::string PathOf(const std::string& object, TargetKind kind = TargetKind::kDeployment) {
  const auto path = SelectedPodsPath(object, {kind, "web"}, "shop");
  return path ? *path : "error: " + path.error().message;
}

constexpr const char* kPods = "/api/v1/namespaces/shop/pods?labelSelector=";

TEST(Workload, SelectsByLabels) {
  EXPECT_EQ(PathOf(R"({"spec":{"selector":{"matchLabels":{"app":"web","tier":"a/b"}}}})"),
            std::string(kPods) + "app%3Dweb%2Ctier%3Da%2Fb");
}

TEST(Workload, SelectsByExpressions) {
  EXPECT_EQ(PathOf(R"({"spec":{"selector":{"matchExpressions":[
      {"key":"a","operator":"In","values":["x","y"]},
      {"key":"b","operator":"NotIn","values":["z"]},
      {"key":"c","operator":"Exists"},{"key":"d","operator":"DoesNotExist"}]}}})"),
            std::string(kPods) + "a%20in%20%28x%2Cy%29%2Cb%20notin%20%28z%29%2Cc%2C%21d");
}

TEST(Workload, DoesNotGuessWhatItDoesNotUnderstand) {
  EXPECT_EQ(PathOf(R"({"spec":{"selector":{"matchLabels":{"app":"web"},
                       "matchExpressions":[{"key":"a","operator":"Near"}]}}})"),
            "error: deployment web has no selector: name one of the pods instead");
  for (const char* object : {"", "[]", "{}", R"({"spec":7})", R"({"spec":{"selector":[]}})"}) {
    EXPECT_TRUE(PathOf(object).starts_with("error: ")) << object;
  }
}

TEST(Workload, OfAServiceTheSelectorIsPlain) {
  EXPECT_EQ(PathOf(R"({"spec":{"selector":{"app":"web"}}})", TargetKind::kService),
            std::string(kPods) + "app%3Dweb");
  EXPECT_EQ(PathOf(R"({"spec":{}})", TargetKind::kService),
            "error: service web has no selector: name one of the pods instead");
}

std::string Job(const std::string& name, const std::string& owner, const std::string& created) {
  return R"({"metadata":{"name":")" + name + R"(","creationTimestamp":")" + created +
         R"(","ownerReferences":[{"kind":"CronJob","name":")" + owner + R"("}]}})";
}

TEST(Workload, TheNewestJobOfACronJob) {
  const std::string list = R"({"items":[)" + Job("a", "nightly", "2026-01-01T00:00:00Z") + ',' +
                           Job("b", "nightly", "2026-01-03T00:00:00Z") + ',' +
                           Job("c", "nightly", "2026-01-02T00:00:00Z") + ',' +
                           Job("d", "other", "2026-01-04T00:00:00Z") + "]}";
  const auto newest = NewestJobOf(list, "nightly");
  ASSERT_TRUE(newest) << newest.error().message;
  EXPECT_NE(newest->find(R"("name":"b")"), std::string::npos);
  for (const std::string& none : {std::string("{}"), std::string("x"), list}) {
    const auto missing = NewestJobOf(none, "absent");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::kNotFound);
  }
}

TEST(Workload, WhereTheApiHasTargets) {
  EXPECT_EQ(ObjectPath({TargetKind::kPod, "web"}, "shop"), "/api/v1/namespaces/shop/pods/web");
  EXPECT_EQ(ObjectPath({TargetKind::kDeployment, "web"}, "shop"),
            "/apis/apps/v1/namespaces/shop/deployments/web");
  EXPECT_EQ(ObjectPath({TargetKind::kCronJob, "web"}, "shop"),
            "/apis/batch/v1/namespaces/shop/cronjobs/web");
  EXPECT_EQ(ObjectPath({TargetKind::kNode, "n1"}, "shop"), "/api/v1/nodes/n1");
}

}  // namespace
}  // namespace nsdebug::kubectl
