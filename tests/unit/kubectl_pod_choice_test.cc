#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "kubectl/pod_choice.h"

namespace nsdebug::kubectl {
namespace {

using std::chrono::seconds;
using Time = std::chrono::system_clock::time_point;

/// A pod that runs, is ready and has one container.
Pod Healthy(const std::string& name) {
  Pod pod;
  pod.name = name;
  pod.name_space = "shop";
  pod.node_name = "n1";
  pod.phase = "Running";
  pod.is_ready = true;
  pod.ready_since = Time(seconds(1000));
  pod.created = Time(seconds(900));
  pod.containers.push_back({"app", ContainerKind::kRegular, ContainerState::kRunning, "", 0, 0});
  return pod;
}

TEST(PodOrderTest, PutsTheMostActiveFirst) {
  // Each is one step better than the one before it.
  const std::vector<std::function<void(Pod&)>> steps = {
      [](Pod& pod) { pod.node_name.clear(), pod.phase = "Pending", pod.is_ready = false; },
      [](Pod& pod) { pod.phase = "Pending", pod.is_ready = false; },
      [](Pod& pod) { pod.phase = "Unknown", pod.is_ready = false; },
      [](Pod& pod) { pod.is_ready = false, pod.containers[0].restarts = 5; },
      [](Pod& pod) { pod.is_ready = false, pod.created.reset(); },
      [](Pod& pod) { pod.is_ready = false, pod.created = Time(seconds(950)); },
      [](Pod& pod) { pod.is_ready = false; },
      [](Pod& pod) { pod.ready_since.reset(); },
      [](Pod& pod) { pod.ready_since = Time(seconds(2000)), pod.created = Time(seconds(1)); },
      [](Pod& pod) { pod.containers[0].restarts = 1, pod.created = Time(seconds(1)); },
      [](Pod& pod) { pod.created.reset(); },
      [](Pod& pod) { pod.created = Time(seconds(950)); },
      [](Pod& /*pod*/) {},
  };
  for (size_t worse = 0; worse + 1 < steps.size(); ++worse) {
    for (size_t better = worse + 1; better < steps.size(); ++better) {
      std::vector<Pod> pods = {Healthy("worse"), Healthy("better")};
      steps[worse](pods[0]);
      steps[better](pods[1]);
      SortByActivity(pods);
      EXPECT_EQ(pods[0].name, "better") << worse << " " << better;
    }
  }
}

TEST(PodOrderTest, KeepsTheOrderOfThoseThatDoNotDiffer) {
  std::vector<Pod> pods = {Healthy("a"), Healthy("b"), Healthy("c")};
  SortByActivity(pods);
  EXPECT_EQ(pods[0].name + pods[1].name + pods[2].name, "abc");
}

class ContainerChoiceTest : public testing::Test {
 protected:
  ContainerChoiceTest() {
    pod_.containers.push_back({"proxy", ContainerKind::kRegular, {}, "", 0, 0});
    pod_.containers.push_back({"setup", ContainerKind::kInit, {}, "", 0, 0});
    pod_.containers.push_back({"debugger", ContainerKind::kEphemeral, {}, "", 0, 0});
  }
  Pod pod_ = Healthy("web");
};

TEST_F(ContainerChoiceTest, TakesTheFirstAndSaysSo) {
  Result<ContainerChoice> choice = ChooseContainer(pod_, "");
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->container.name, "app");
  EXPECT_EQ(choice->note,
            "Defaulted container \"app\" out of: app, proxy, debugger (ephem), setup (init)");
  pod_.containers.resize(1);
  EXPECT_EQ(ChooseContainer(pod_, "")->note, "");
}

TEST_F(ContainerChoiceTest, TakesTheAnnotatedOneInSilence) {
  pod_.default_container = "proxy";
  EXPECT_EQ(ChooseContainer(pod_, "")->container.name, "proxy");
  EXPECT_EQ(ChooseContainer(pod_, "")->note, "");
  pod_.default_container = "gone";
  EXPECT_EQ(ChooseContainer(pod_, "")->container.name, "app");
}

TEST_F(ContainerChoiceTest, TakesTheOneThatIsWanted) {
  pod_.default_container = "proxy";
  for (const char* name : {"app", "setup", "debugger"}) {
    EXPECT_EQ(ChooseContainer(pod_, name)->container.name, name);
  }
  Result<ContainerChoice> choice = ChooseContainer(pod_, "api");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code, Code::kNotFound);
  EXPECT_EQ(choice.error().message,
            "container api not found in pod web: it has app, proxy, debugger (ephem), setup "
            "(init)");
}

TEST_F(ContainerChoiceTest, NeedsAContainer) {
  pod_.containers.clear();
  EXPECT_EQ(ChooseContainer(pod_, "").error().message, "pod shop/web does not have any containers");
}

TEST(RunningTest, RefusesByPhaseAndState) {
  Pod pod = Healthy("web");
  EXPECT_TRUE(CheckContainerRuns(pod, pod.containers[0]));
  const auto message = [&pod] {
    return CheckContainerRuns(pod, pod.containers[0]).error().message;
  };
  pod.containers[0] = {"app", {}, ContainerState::kWaiting, "CrashLoopBackOff", 0, 9};
  EXPECT_EQ(message(),
            "container app of pod web does not run (CrashLoopBackOff): enter the pod "
            "around it with --sandbox");
  EXPECT_TRUE(CheckSandboxRuns(pod));
  pod.containers[0] = {"app", {}, ContainerState::kTerminated, "Error", 3, 0};
  EXPECT_EQ(message(),
            "container app of pod web has ended (Error, exit code 3): enter the pod "
            "around it with --sandbox");
  for (const char* phase : {"Succeeded", "Failed"}) {
    pod.phase = phase;
    EXPECT_EQ(message(), std::string("cannot exec into a container in a completed pod; current "
                                     "phase is ") +
                             phase);
    EXPECT_FALSE(CheckSandboxRuns(pod));
  }
  pod.phase = "Pending";
  pod.node_name.clear();
  pod.reason = "Unschedulable";
  EXPECT_EQ(message(),
            "pod web is not assigned to a node (Unschedulable): `kubectl describe pod "
            "web -n shop` says why");
  EXPECT_EQ(CheckSandboxRuns(pod).error().code, Code::kFailedPrecondition);
}

class InitTest : public testing::Test {
 protected:
  InitTest() {
    pod_.phase = "Pending";
    pod_.containers[0].state = ContainerState::kWaiting;
    pod_.containers[0].reason = "PodInitializing";
    Add("first", ContainerState::kTerminated, "Completed");
    Add("setup", ContainerState::kRunning, "");
  }
  void Add(const char* name, ContainerState state, const char* reason) {
    Container container;
    container.name = name;
    container.kind = ContainerKind::kInit;
    container.state = state;
    container.reason = reason;
    pod_.containers.push_back(container);
  }
  std::string Refusal(size_t container = 0) {
    Result<void> runs = CheckContainerRuns(pod_, pod_.containers[container]);
    return runs ? "(none)" : runs.error().message;
  }

  Pod pod_ = Healthy("web");
};

TEST_F(InitTest, NamesTheInitContainerThatRuns) {
  const std::string expected =
      "container app of pod web does not run (PodInitializing): init container setup still runs: "
      "enter that with -c setup, or the pod around both with --sandbox";
  EXPECT_EQ(Refusal(), expected);
  EXPECT_EQ(CheckContainerRuns(pod_, pod_.containers[0]).error().code, Code::kFailedPrecondition);
  // It can be entered, and so can the pod.
  EXPECT_EQ(Refusal(2), "(none)");
  EXPECT_TRUE(CheckSandboxRuns(pod_));
}

TEST_F(InitTest, NamesTheOneThatDoesNotGetThrough) {
  pod_.containers[2].state = ContainerState::kWaiting;
  pod_.containers[2].reason = "CrashLoopBackOff";
  EXPECT_EQ(Refusal(),
            "container app of pod web does not run (PodInitializing): init container setup is not "
            "through (CrashLoopBackOff): enter the pod around both with --sandbox");
  pod_.containers[2].state = ContainerState::kTerminated;
  pod_.containers[2].reason = "Error";
  pod_.containers[2].exit_code = 1;
  EXPECT_EQ(Refusal(),
            "container app of pod web does not run (PodInitializing): init container setup is not "
            "through (Error): enter the pod around both with --sandbox");
  // Of itself a container says what it always says.
  EXPECT_EQ(Refusal(2),
            "container setup of pod web has ended (Error, exit code 1): enter the pod around it "
            "with --sandbox");
}

TEST_F(InitTest, AnotherInitContainerWaitsForItToo) {
  Add("last", ContainerState::kWaiting, "PodInitializing");
  EXPECT_EQ(Refusal(3),
            "container last of pod web does not run (PodInitializing): init container setup still "
            "runs: enter that with -c setup, or the pod around both with --sandbox");
}

TEST_F(InitTest, AContainerOfWhichNothingWasToldWaitsAllTheSame) {
  pod_.containers[0].state = ContainerState::kUnknown;
  pod_.containers[0].reason.clear();
  EXPECT_EQ(Refusal(),
            "container app of pod web does not run (waiting): init container setup still runs: "
            "enter that with -c setup, or the pod around both with --sandbox");
}

TEST_F(InitTest, NobodyWaitsForASidecarThatHasStarted) {
  pod_.containers[2].is_sidecar = true;
  EXPECT_NE(Refusal().find("init container setup"), std::string::npos);
  pod_.containers[2].has_started = true;
  EXPECT_EQ(Refusal(),
            "container app of pod web does not run (PodInitializing): enter the pod around it with "
            "--sandbox");
  pod_.containers[0].state = ContainerState::kRunning;
  EXPECT_EQ(Refusal(), "(none)");
}

TEST(RunningTest, LeavesItToTheAgentWhenNothingWasTold) {
  Pod pod = Healthy("web");
  pod.containers[0].state = ContainerState::kUnknown;
  EXPECT_TRUE(CheckContainerRuns(pod, pod.containers[0]));
}

}  // namespace
}  // namespace nsdebug::kubectl
