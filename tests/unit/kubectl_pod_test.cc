#include <gtest/gtest.h>

#include "kubectl/pod.h"

namespace nsdebug::kubectl {
namespace {

constexpr const char* kPod = R"({
  "kind": "Pod", "apiVersion": "v1",
  "metadata": {"name": "web-1", "namespace": "shop", "uid": "u-1", "labels": {"app": "web"},
               "creationTimestamp": "2026-01-02T03:04:05Z",
               "deletionTimestamp": "2026-01-02T04:04:05Z",
               "annotations": {"kubectl.kubernetes.io/default-container": "app"}},
  "spec": {"nodeName": "n1",
           "containers": [{"name": "proxy"}, {"name": "app"}],
           "initContainers": [{"name": "setup"}, {"name": "mesh", "restartPolicy": "Always"}],
           "ephemeralContainers": [{"name": "debugger-x"}]},
  "status": {"phase": "Running",
             "conditions": [{"type": "PodScheduled", "status": "True"},
                            {"type": "Ready", "status": "True",
                             "lastTransitionTime": "2026-01-02T03:05:05Z"}],
             "containerStatuses": [
               {"name": "app", "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
               {"name": "proxy", "restartCount": 0, "state": {"running": {}}}],
             "initContainerStatuses": [
               {"name": "mesh", "started": true, "state": {"running": {}}},
               {"name": "setup", "started": false,
                "state": {"terminated": {"exitCode": 7, "reason": "Error"}}}]}})";

TEST(PodTest, ReadsWhatChoosingNeeds) {
  Result<Pod> pod = ParsePod(kPod);
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(pod->name_space, "shop");
  EXPECT_EQ(pod->name, "web-1");
  EXPECT_EQ(pod->uid, "u-1");
  EXPECT_EQ(pod->node_name, "n1");
  EXPECT_EQ(pod->phase, "Running");
  EXPECT_EQ(pod->default_container, "app");
  EXPECT_EQ(pod->labels.at("app"), "web");
  EXPECT_TRUE(pod->is_ready);
  EXPECT_TRUE(pod->is_terminating);
  ASSERT_TRUE(pod->ready_since && pod->created);
  EXPECT_EQ(*pod->ready_since - *pod->created, std::chrono::minutes(1));
}

TEST(PodTest, ReadsItsContainersAndTheirStates) {
  const auto containers = ParsePod(kPod)->containers;
  ASSERT_EQ(containers.size(), 5U);
  EXPECT_EQ(containers[0].name, "proxy");
  EXPECT_EQ(containers[0].state, ContainerState::kRunning);
  EXPECT_EQ(containers[1].name, "app");
  EXPECT_EQ(containers[1].state, ContainerState::kWaiting);
  EXPECT_EQ(containers[1].reason, "CrashLoopBackOff");
  EXPECT_EQ(containers[1].restarts, 3);
  EXPECT_EQ(containers[2].kind, ContainerKind::kInit);
  EXPECT_EQ(containers[2].state, ContainerState::kTerminated);
  EXPECT_EQ(containers[2].exit_code, 7);
  EXPECT_FALSE(containers[2].is_sidecar || containers[2].has_started);
  EXPECT_EQ(containers[3].kind, ContainerKind::kInit);
  EXPECT_TRUE(containers[3].is_sidecar && containers[3].has_started);
  EXPECT_EQ(containers[4].kind, ContainerKind::kEphemeral);
  EXPECT_EQ(containers[4].state, ContainerState::kUnknown);
}

TEST(PodTest, SaysWhyNoNodeWasFound) {
  Result<Pod> pod = ParsePod(R"({"metadata": {"name": "a"}, "status": {"phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}})");
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->reason, "Unschedulable");
  EXPECT_FALSE(pod->is_ready);
}

TEST(PodTest, ReadsLists) {
  EXPECT_EQ(ParsePodList(R"({"items": null})")->size(), 0U);
  EXPECT_EQ(ParsePodList(R"({"items": [{"metadata": {"name": "a"}}]})")->at(0).name, "a");
}

TEST(PodTest, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "null", "1", "{}", R"({"metadata": []})", "{\"metadata\":"}) {
    EXPECT_EQ(ParsePod(text).error().message, "the API server's answer is not a pod") << text;
  }
  for (const char* text : {"", "[]", R"({"items": {}})", R"({"items": [1]})"}) {
    EXPECT_FALSE(ParsePodList(text)) << text;
  }
}

TEST(PodTest, BearsWrongTypesInside) {
  EXPECT_TRUE(ParsePod(R"({"metadata": {"name": "a", "labels": "x", "annotations": 1},
    "spec": [], "status": {"conditions": {"a": 1}, "containerStatuses": "x"}})"));
  EXPECT_TRUE(ParsePod(R"({"metadata": {"name": "a"}, "spec": {"containers": "x"}})"));
}

}  // namespace
}  // namespace nsdebug::kubectl
