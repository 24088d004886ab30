#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "cri/resolver.h"
#include "tests/fake_cri/fake_runtime.h"
#include "tests/fake_cri/process_in_cgroup.h"
#include "tests/privileged.h"

namespace nsdebug::cri {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CriResolverTest : public testing::Test {
 protected:
  Result<Target> Pod(const std::string& container = "") {
    return Resolver(&runtime_).ResolvePod({"shop", "web", container});
  }

  Result<Target> Sandbox() { return Resolver(&runtime_).ResolvePod({"shop", "web", "", true}); }

  void ExpectRefused(const Result<Target>& target, Code code, const std::string& message) {
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().code, code);
    EXPECT_EQ(target.error().message, message);
  }

  FakeRuntime runtime_;
};

TEST_F(CriResolverTest, OpensTheContainersProcess) {
  NSDEBUG_REQUIRE_ROOT();
  ProcessInCgroup process("kubepods/pod1/cri-containerd-" + Id('b') + ".scope");
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
    const std::string info =
        fmt::format(R"({{"pid":{},"runtimeSpec":{{"process":{{"cwd":"/srv"}}}}}})", process.pid());
    return ContainerStatus{runtime_.containers[1], 0, 0, "", {{"info", info}}};
  };
  Result<Target> target = Pod("side");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_TRUE(target->pidfd.valid());
  EXPECT_EQ(target->pid, process.pid());
  EXPECT_THAT(target->namespaces, IsEmpty());
  EXPECT_EQ(target->pod_namespace, "shop");
  EXPECT_EQ(target->pod_name, "web");
  EXPECT_EQ(target->container_name, "side");
  EXPECT_EQ(target->container_id, Id('b'));
  EXPECT_EQ(target->process_spec, R"({"cwd":"/srv"})");
  EXPECT_EQ(target->note, "");
  EXPECT_THAT(runtime_.calls,
              ElementsAre("ListPodSandboxes", "ListContainers", "ContainerStatus b"));
}

TEST_F(CriResolverTest, TakesTheFirstContainerWithANote) {
  NSDEBUG_REQUIRE_ROOT();
  ProcessInCgroup process("kubepods/pod1/" + Id('a'));
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
    return ContainerStatus{runtime_.containers[0], 0, 0, "", {{"info", Info(process.pid())}}};
  };
  Result<Target> target = Pod();
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->container_name, "app");
  EXPECT_EQ(target->note, "defaulted container \"app\" out of: app, side");
}

// The test's own process stands for one that took the pid over; looked at twice, since a container
// may restart under the lookup.
TEST_F(CriResolverTest, RefusesAPidThatWasReused) {
  ExpectRefused(Pod("app"), Code::kAborted,
                fmt::format("container shop/web/app: process {} is not in the cgroup of container "
                            "{}: its pid was reused, or it runs outside the container",
                            ::getpid(), Id('a')));
  EXPECT_THAT(runtime_.calls, ElementsAre("ListPodSandboxes", "ListContainers", "ContainerStatus a",
                                          "ListContainers", "ContainerStatus a"));
}

TEST_F(CriResolverTest, LooksAgainForAContainerThatWasReplaced) {
  runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
    // The first look finds it gone; by then there is another under its name.
    runtime_.containers[0].id = Id('c');
    runtime_.containers[0].attempt = 1;
    return Fail(Code::kNotFound, "ContainerStatus: no such container");
  };
  ExpectRefused(Pod("app"), Code::kAborted,
                "container shop/web/app: ContainerStatus: no such container");
  EXPECT_THAT(runtime_.calls, ElementsAre("ListPodSandboxes", "ListContainers", "ContainerStatus a",
                                          "ListContainers", "ContainerStatus c"));
}

TEST_F(CriResolverTest, NoPodOfThatName) {
  runtime_.sandboxes.clear();
  ExpectRefused(Pod(), Code::kNotFound, "no pod shop/web on this node");
}

// A runtime that does not filter, and labels a pod's author made up: only metadata counts.
TEST_F(CriResolverTest, DoesNotTrustWhatTheFilterLetThrough) {
  runtime_.sandboxes[0].name = "evil";
  ExpectRefused(Pod(), Code::kNotFound, "no pod shop/web on this node");
  runtime_.sandboxes[0].name = "web";
  runtime_.sandboxes[0].pod_namespace = "evil";
  ExpectRefused(Pod(), Code::kNotFound, "no pod shop/web on this node");
}

TEST_F(CriResolverTest, SaysThatAPodHasStopped) {
  runtime_.sandboxes[0].state = SandboxState::kNotReady;
  ExpectRefused(Pod(), Code::kFailedPrecondition,
                "pod shop/web is not running: its sandbox on this node stopped");
  runtime_.sandboxes.push_back(runtime_.sandboxes[0]);
  ExpectRefused(Pod(), Code::kFailedPrecondition,
                "pod shop/web is not running: its sandboxes on this node stopped");
}

TEST_F(CriResolverTest, TakesTheReadySandboxOfTheHighestAttempt) {
  std::vector<std::string> asked;
  runtime_.list_containers = [&](const ContainerFilter& filter) {
    asked.push_back(filter.pod_sandbox_id);
    return std::vector<Container>();
  };
  for (char digit : {'6', '7', '8'}) {
    PodSandbox sandbox = runtime_.sandboxes[0];
    sandbox.id = Id(digit);
    sandbox.attempt = digit == '7' ? 2 : 1;
    runtime_.sandboxes.push_back(sandbox);
  }
  runtime_.sandboxes.back().attempt = 9;
  runtime_.sandboxes.back().state = SandboxState::kNotReady;
  ExpectRefused(Pod(), Code::kNotFound,
                "pod shop/web has no containers yet (--sandbox enters the pod's own namespaces)");
  EXPECT_THAT(asked, ElementsAre(Id('7')));
}

// As after a force-deletion: two pods of one name, of which either could be meant.
TEST_F(CriResolverTest, RefusesToChooseBetweenPodsOfDifferentUids) {
  runtime_.sandboxes.push_back(runtime_.sandboxes[0]);
  runtime_.sandboxes[1].id = Id('6');
  runtime_.sandboxes[1].uid = "uid-2";
  ExpectRefused(Pod(), Code::kFailedPrecondition,
                "several pods shop/web run on this node, in the sandboxes 5555555555555555 (uid "
                "uid-1), 6666666666666666 (uid uid-2): name one of their containers with "
                "--container");
}

TEST_F(CriResolverTest, ListsABoundedNumberOfSandboxes) {
  for (int i = 0; i < 6; ++i) {
    PodSandbox other = runtime_.sandboxes[0];
    other.uid += std::to_string(i);
    runtime_.sandboxes.push_back(other);
  }
  Result<Target> target = Pod();
  ASSERT_FALSE(target);
  EXPECT_THAT(target.error().message, HasSubstr(" (uid uid-13) and 2 more: name one"));
}

TEST_F(CriResolverTest, AnUnknownContainerNameListsTheNames) {
  ExpectRefused(Pod("db"), Code::kNotFound, "pod shop/web has no container db: it has app, side");
}

TEST_F(CriResolverTest, SaysHowAContainerEnded) {
  struct Case {
    ContainerState state;
    const char* reason;
    const char* text;
  };
  for (const Case& c :
       {Case{ContainerState::kExited, "Error", "it exited with code 3 (Error)"},
        Case{ContainerState::kExited, "", "it exited with code 3"},
        Case{ContainerState::kExited, "\x1b[2J", "it exited with code 3 (\\x1b[2J)"},
        Case{ContainerState::kCreated, "", "it was created but never started"},
        Case{ContainerState::kUnknown, "", "its state is unknown to the runtime"}}) {
    runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
      Container container = runtime_.containers[0];
      container.state = c.state;
      // A pid that is alive must not tempt.
      return ContainerStatus{container, 1, 3, c.reason, {{"info", Info(::getpid())}}};
    };
    ExpectRefused(Pod("app"), Code::kFailedPrecondition,
                  fmt::format("container shop/web/app is not running: {} (--sandbox enters the "
                              "pod's own namespaces)",
                              c.text));
  }
}

TEST_F(CriResolverTest, SaysThatTheRuntimeTellsNoProcess) {
  runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
    return ContainerStatus{runtime_.containers[0], 0, 0, "", {{"info", Info(0)}}};
  };
  ExpectRefused(Pod("app"), Code::kFailedPrecondition,
                "container shop/web/app: the runtime does not tell its process");
}

TEST_F(CriResolverTest, RefusesSandboxedRuntimes) {
  struct Case {
    const char* info;
    const char* handler;
    const char* name;
  };
  for (const Case& c :
       {Case{R"({"pid":1,"runtimeType":"io.containerd.runsc.v1"})", "", "gVisor"},
        Case{R"({"pid":1,"runtimeType":"io.containerd.kata.v2"})", "", "Kata Containers"},
        Case{R"({"pid":1,"runtimeHandler":"kata-qemu"})", "", "Kata Containers"},
        Case{R"({"pid":1})", "gvisor", "gVisor"},
        Case{R"({"pid":1,"runtimeSpec":{"annotations":)"
             R"({"io.kubernetes.cri-o.RuntimeHandler":"kata"}}})",
             "", "Kata Containers"}}) {
    runtime_.sandboxes[0].runtime_handler = c.handler;
    runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
      return ContainerStatus{runtime_.containers[0], 0, 0, "", {{"info", c.info}}};
    };
    ExpectRefused(Pod("app"), Code::kFailedPrecondition,
                  fmt::format("container shop/web/app runs under {}: not supported, its processes "
                              "live behind a kernel of their own",
                              c.name));
  }
}

TEST_F(CriResolverTest, PassesTheRuntimesErrorsOn) {
  runtime_.list_sandboxes = []() -> Result<std::vector<PodSandbox>> {
    return Fail(Code::kDeadlineExceeded, "ListPodSandbox: no answer");
  };
  ExpectRefused(Pod(), Code::kDeadlineExceeded, "ListPodSandbox: no answer");
  runtime_.container_status = [](const std::string&) -> Result<ContainerStatus> {
    return Fail(Code::kUnavailable, "ContainerStatus: the runtime went away");
  };
  runtime_.list_sandboxes = [this] { return runtime_.sandboxes; };
  ExpectRefused(Pod("app"), Code::kUnavailable,
                "container shop/web/app: ContainerStatus: the runtime went away");
}

TEST_F(CriResolverTest, ReadsNoGarbage) {
  runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
    return ContainerStatus{runtime_.containers[0], 0, 0, "", {{"info", "\x1b[2J"}}};
  };
  Result<Target> target = Pod("app");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, Code::kInternal);
  EXPECT_THAT(target.error().message, StartsWith("status of container shop/web/app: the runtime's "
                                                 "verbose info cannot be read: "));
  EXPECT_EQ(target.error().message.find('\x1b'), std::string::npos);
}

TEST_F(CriResolverTest, FindsAContainerByIdAndPrefix) {
  for (const std::string& id : {Id('a'), std::string("a"), "containerd://" + Id('a')}) {
    runtime_.calls.clear();
    Result<Target> target = Resolver(&runtime_).ResolveContainer(id);
    ASSERT_FALSE(target) << "the pid is the test's own";
    EXPECT_THAT(target.error().message, StartsWith("container shop/web/app: process "));
    EXPECT_THAT(runtime_.calls, ElementsAre("ListContainers", "ListPodSandboxes",
                                            "ContainerStatus a", "ContainerStatus a"));
  }
}

TEST_F(CriResolverTest, TellsAnAmbiguousPrefixFromAnUnknownOne) {
  runtime_.containers[1].id = "ab" + Id('b').substr(2);
  ExpectRefused(Resolver(&runtime_).ResolveContainer("a"), Code::kFailedPrecondition,
                "container id a is ambiguous: 2 containers start with it, among them "
                "aaaaaaaaaaaaaaaa, abbbbbbbbbbbbbbb");
  ExpectRefused(Resolver(&runtime_).ResolveContainer("f"), Code::kNotFound,
                "no container with id f on this node");
}

TEST_F(CriResolverTest, RefusesWhatIsNoContainerId) {
  for (const std::string& id : {std::string(), std::string("containerd://"), std::string("../etc"),
                                std::string("a b"), std::string("a\n"), std::string(129, 'a')}) {
    Result<Target> target = Resolver(&runtime_).ResolveContainer(id);
    ASSERT_FALSE(target) << id;
    EXPECT_EQ(target.error().code, Code::kInvalidArgument);
    EXPECT_THAT(target.error().message, testing::EndsWith("' is not a container id"));
  }
  EXPECT_THAT(runtime_.calls, IsEmpty());
}

// Not a file of the node's that a hostile runtime spec names, and no namespace of another kind.
TEST_F(CriResolverTest, RefusesSandboxNamespacesThatAreNone) {
  for (const char* path : {"/etc/passwd", "/proc/self/ns/uts"}) {
    runtime_.sandbox_status = [&](const std::string&) -> Result<PodSandboxStatus> {
      const std::string info = fmt::format(
          R"({{"runtimeSpec":{{"linux":{{"namespaces":[{{"type":"network","path":"{}"}}]}}}}}})",
          path);
      return PodSandboxStatus{runtime_.sandboxes[0], {{"info", info}}};
    };
    ExpectRefused(Sandbox(), Code::kInternal,
                  fmt::format("sandbox of pod shop/web: the runtime names {} as its net namespace, "
                              "which is none",
                              path));
  }
}

TEST_F(CriResolverTest, RefusesASandboxedRuntimeByItsPinnedNamespacesToo) {
  runtime_.sandbox_status = [&](const std::string&) -> Result<PodSandboxStatus> {
    return PodSandboxStatus{
        runtime_.sandboxes[0],
        {{"info", R"({"runtimeSpec":{"annotations":{"io.kubernetes.cri-o.RuntimeHandler":"kata"},)"
                  R"("linux":{"namespaces":[{"type":"network","path":"/proc/self/ns/net"}]}}})"}}};
  };
  ExpectRefused(Sandbox(), Code::kFailedPrecondition,
                "sandbox of pod shop/web runs under Kata Containers: not supported, its processes "
                "live behind a kernel of their own");
}

TEST_F(CriResolverTest, LooksAgainAtASandboxWhoseProcessHasGone) {
  runtime_.sandbox_status = [&](const std::string&) -> Result<PodSandboxStatus> {
    return PodSandboxStatus{runtime_.sandboxes[0], {{"info", Info(::getpid())}}};
  };
  Result<Target> target = Sandbox();
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, Code::kAborted);
  EXPECT_THAT(runtime_.calls,
              ElementsAre("ListPodSandboxes", "PodSandboxStatus 5", "PodSandboxStatus 5"));
}

TEST_F(CriResolverTest, SaysThatASandboxCannotBeEntered) {
  runtime_.container_status = [&](const std::string&) -> Result<ContainerStatus> {
    return ContainerStatus{};
  };
  ExpectRefused(Sandbox(), Code::kFailedPrecondition,
                "sandbox of pod shop/web has no process, and the runtime names no namespaces of "
                "it");
  EXPECT_THAT(runtime_.calls,
              ElementsAre("ListPodSandboxes", "PodSandboxStatus 5", "ContainerStatus 5"));
}

TEST_F(CriResolverTest, SaysThatASandboxStoppedMeanwhile) {
  runtime_.sandbox_status = [&](const std::string&) -> Result<PodSandboxStatus> {
    PodSandboxStatus status{runtime_.sandboxes[0], {{"info", Info(::getpid())}}};
    status.sandbox.state = SandboxState::kNotReady;
    return status;
  };
  ExpectRefused(Sandbox(), Code::kFailedPrecondition, "sandbox of pod shop/web has stopped");
}

}  // namespace
}  // namespace nsdebug::cri
