#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cri/container_choice.h"

namespace nsdebug::cri {
namespace {

PodSandbox Pod(StringMap annotations = {}) {
  PodSandbox sandbox;
  sandbox.pod_namespace = "shop";
  sandbox.name = "web";
  sandbox.annotations = std::move(annotations);
  return sandbox;
}

// Made at `created_at`, running, of no stated type; tests change one thing.
Container Running(const std::string& name, int64_t created_at) {
  Container container;
  container.id = name + "-" + std::to_string(created_at);
  container.name = name;
  container.state = ContainerState::kRunning;
  container.created_at = created_at;
  return container;
}

Container OfType(Container container, const std::string& type) {
  container.annotations["io.kubernetes.container.type"] = type;
  return container;
}

Container Exited(Container container, uint32_t attempt = 0) {
  container.state = ContainerState::kExited;
  container.attempt = attempt;
  return container;
}

void ExpectChoice(const Result<ContainerChoice>& choice, const std::string& id,
                  const std::string& note) {
  ASSERT_TRUE(choice) << choice.error().message;
  EXPECT_EQ(choice->container.id, id);
  EXPECT_EQ(choice->note, note);
}

TEST(CriContainerChoiceTest, TakesTheOnlyContainerWithoutANote) {
  ExpectChoice(ChooseContainer(Pod(), {Running("app", 1)}, ""), "app-1", "");
}

TEST(CriContainerChoiceTest, TakesTheFirstMadeAndSaysSo) {
  ExpectChoice(ChooseContainer(Pod(), {Running("side", 2), Running("app", 1)}, ""), "app-1",
               "defaulted container \"app\" out of: app, side");
}

// cri-dockerd tells whole seconds, the newest first.
TEST(CriContainerChoiceTest, OfOneSecondTheLaterListedWasMadeFirst) {
  ExpectChoice(ChooseContainer(Pod(), {Running("side", 1), Running("app", 1)}, ""), "app-1",
               "defaulted container \"app\" out of: app, side");
}

TEST(CriContainerChoiceTest, PrefersARunningContainerToAnEarlierExitedOne) {
  ExpectChoice(ChooseContainer(Pod(), {Running("side", 2), Exited(Running("app", 1))}, ""),
               "side-2", "defaulted container \"side\" out of: app, side");
}

TEST(CriContainerChoiceTest, TakesAnExitedAppContainerWhenNoneRuns) {
  ExpectChoice(
      ChooseContainer(Pod(),
                      {Exited(Running("app", 2)), OfType(Exited(Running("setup", 1)), "init")}, ""),
      "app-2", "defaulted container \"app\" out of: setup (init), app");
}

TEST(CriContainerChoiceTest, LeavesInitAndEphemeralContainersAside) {
  ExpectChoice(
      ChooseContainer(Pod(),
                      {OfType(Running("debugger", 1), "ephemeral"),
                       OfType(Running("setup", 2), "init"), OfType(Running("app", 3), "container")},
                      ""),
      "app-3", "defaulted container \"app\" out of: debugger (ephemeral), setup (init), app");
}

TEST(CriContainerChoiceTest, TakesAnInitContainerWhereThereIsNothingElse) {
  ExpectChoice(ChooseContainer(Pod(), {OfType(Running("setup", 1), "init")}, ""), "setup-1", "");
}

TEST(CriContainerChoiceTest, FindsInitAndEphemeralContainersByName) {
  const std::vector<Container> containers = {Running("app", 2), OfType(Running("setup", 1), "init"),
                                             OfType(Running("debugger", 3), "ephemeral")};
  ExpectChoice(ChooseContainer(Pod(), containers, "setup"), "setup-1", "");
  ExpectChoice(ChooseContainer(Pod(), containers, "debugger"), "debugger-3", "");
}

TEST(CriContainerChoiceTest, FollowsTheDefaultContainerAnnotation) {
  const std::vector<Container> containers = {Running("app", 1), Running("side", 2)};
  const PodSandbox pod = Pod({{"kubectl.kubernetes.io/default-container", "side"}});
  ExpectChoice(ChooseContainer(pod, containers, ""), "side-2", "");
  // What the person asks for comes first.
  ExpectChoice(ChooseContainer(pod, containers, "app"), "app-1", "");
}

TEST(CriContainerChoiceTest, AnAnnotationThatNamesNothingDoesNotCount) {
  const PodSandbox pod = Pod({{"kubectl.kubernetes.io/default-container", "gone"}});
  ExpectChoice(ChooseContainer(pod, {Running("app", 1), Running("side", 2)}, ""), "app-1",
               "defaulted container \"app\" out of: app, side");
}

TEST(CriContainerChoiceTest, OfTwoAttemptsTheRunningOneCounts) {
  // A clock that was set back, and a kubelet that lost count.
  ExpectChoice(ChooseContainer(Pod(), {Running("app", 1), Exited(Running("app", 2), 7)}, "app"),
               "app-1", "");
}

TEST(CriContainerChoiceTest, OfExitedAttemptsTheHighestCounts) {
  const std::vector<Container> attempts = {
      Exited(Running("app", 1), 1), Exited(Running("app", 3), 0), Exited(Running("app", 2), 2)};
  ExpectChoice(ChooseContainer(Pod(), attempts, ""), "app-2", "");
}

TEST(CriContainerChoiceTest, OfEqualAttemptsTheNewestCounts) {
  ExpectChoice(
      ChooseContainer(Pod(), {Exited(Running("app", 2)), Exited(Running("app", 1))}, "app"),
      "app-2", "");
}

TEST(CriContainerChoiceTest, AnUnknownNameListsTheNames) {
  Result<ContainerChoice> choice = ChooseContainer(
      Pod(), {Running("side", 2), Running("app", 1), OfType(Running("setup", 0), "init")}, "db");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code, Code::kNotFound);
  EXPECT_EQ(choice.error().message,
            "pod shop/web has no container db: it has setup (init), app, side");
}

TEST(CriContainerChoiceTest, ListsABoundedNumberOfNames) {
  std::vector<Container> containers;
  for (size_t i = 0; i < kMaxListedNames + 3; ++i) {
    containers.push_back(Running("c" + std::to_string(i), static_cast<int64_t>(i)));
  }
  Result<ContainerChoice> choice = ChooseContainer(Pod(), containers, "db");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().message,
            "pod shop/web has no container db: it has c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 3 "
            "more");
  ExpectChoice(ChooseContainer(Pod(), containers, ""), "c0-0",
               "defaulted container \"c0\" out of: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 3 "
               "more");
}

TEST(CriContainerChoiceTest, TellsTheTypesOfTheKubelet) {
  EXPECT_EQ(ContainerType(Running("app", 1)), "");
  EXPECT_EQ(ContainerType(OfType(Running("app", 1), "container")), "container");
  EXPECT_EQ(ContainerType(OfType(Running("setup", 1), "init")), "init");
}

TEST(CriContainerChoiceTest, APodWithoutContainersPointsAtItsSandbox) {
  for (const char* name : {"", "app"}) {
    Result<ContainerChoice> choice = ChooseContainer(Pod(), {}, name);
    ASSERT_FALSE(choice) << name;
    EXPECT_EQ(choice.error().code, Code::kNotFound);
    EXPECT_EQ(choice.error().message,
              "pod shop/web has no containers yet (--sandbox enters the pod's own namespaces)");
  }
}

// A runtime's names and a pod's annotations reach the person's terminal.
TEST(CriContainerChoiceTest, PrintsNoControlCharacters) {
  const std::vector<Container> containers = {Running("a\x1b[2J", 1), Running("b", 2)};
  ExpectChoice(ChooseContainer(Pod(), containers, ""), "a\x1b[2J-1",
               "defaulted container \"a\\x1b[2J\" out of: a\\x1b[2J, b");
  Result<ContainerChoice> choice = ChooseContainer(Pod(), containers, "\n");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().message, "pod shop/web has no container \\x0a: it has a\\x1b[2J, b");
}

}  // namespace
}  // namespace nsdebug::cri
