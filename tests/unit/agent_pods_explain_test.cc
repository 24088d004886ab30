#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "agent/pods/documents.h"
#include "agent/pods/pod_explain.h"
#include "tests/fake_cri/fake_runtime.h"
#include "tests/fake_cri/process_in_cgroup.h"
#include "tests/privileged.h"

namespace nsdebug {
namespace {

using cri::ContainerState;
using cri::Id;
using nlohmann::json;
using testing::HasSubstr;

class PodExplainTest : public testing::Test {
 protected:
  PodExplanation Explain() {
    // The tests' own process stands for the node's init.
    Result<PodExplanation> explanation = ExplainPod(&runtime_, "shop", "web", "/proc/self");
    EXPECT_TRUE(explanation) << explanation.error().message;
    return std::move(*explanation);
  }

  /// The process that the runtime tells for a container; of the others it tells the test's own,
  /// which is not in their cgroup.
  void SetProcess(char digit, pid_t pid) {
    runtime_.container_status = [this, digit,
                                 pid](const std::string& id) -> Result<cri::ContainerStatus> {
      for (const cri::Container& container : runtime_.containers) {
        if (container.id != id) continue;
        const pid_t told = id == Id(digit) ? pid : ::getpid();
        return cri::ContainerStatus{container, 0, 1, "Error", {{"info", cri::Info(told)}}};
      }
      return Fail(Code::kNotFound, "ContainerStatus: no such container");
    };
  }

  cri::FakeRuntime runtime_;
};

TEST_F(PodExplainTest, TellsWhatASessionWouldFind) {
  NSDEBUG_REQUIRE_ROOT();
  cri::ProcessInCgroup process("kubepods/pod1/" + Id('a'));
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  SetProcess('a', process.pid());
  const PodExplanation explanation = Explain();
  ASSERT_EQ(explanation.containers.size(), 2);
  const Entry& app = explanation.containers[0];
  EXPECT_EQ(app.refusal, "");
  EXPECT_EQ(app.pid, process.pid());
  ASSERT_TRUE(app.user);
  EXPECT_EQ(app.user->uid, ::geteuid());
  EXPECT_EQ(app.user->gid, ::getegid());
  EXPECT_FALSE(app.namespaces.Shares("net"));
  EXPECT_TRUE(app.namespaces.Shares("pid"));

  const json document = json::parse(PodExplanationJson(explanation, "node-1"));
  EXPECT_EQ(document["kind"], "PodExplanation");
  EXPECT_EQ(document["apiVersion"], "ns-debug.io/v1alpha1");
  EXPECT_EQ(document["node"], "node-1");
  EXPECT_EQ(document["namespace"], "shop");
  EXPECT_EQ(document["state"], "ready");
  const json& item = document["containers"][0];
  EXPECT_EQ(item["name"], "app");
  EXPECT_EQ(item["state"], "running");
  EXPECT_EQ(item["canEnter"], true);
  EXPECT_EQ(item["pid"], process.pid());
  EXPECT_EQ(item["user"], json({{"uid", ::geteuid()}, {"gid", ::getegid()}}));
  EXPECT_EQ(item["requiresNodeAccess"], true);
  EXPECT_EQ(item["namespaces"][0]["kind"], "net");
  EXPECT_EQ(item["namespaces"][0]["sharedWithNode"], false);
  EXPECT_EQ(process.Namespace("net"),
            fmt::format("net:[{}]", item["namespaces"][0]["inode"].get<uint64_t>()));
  EXPECT_FALSE(item.contains("reason"));
}

// The test's own process is in no container's cgroup: what the resolver says of it is the reason.
TEST_F(PodExplainTest, OneContainerThatFailsDoesNotFailTheOthers) {
  NSDEBUG_REQUIRE_ROOT();
  cri::ProcessInCgroup process("kubepods/pod1/" + Id('b'));
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  SetProcess('b', process.pid());
  const PodExplanation explanation = Explain();
  EXPECT_THAT(explanation.containers[0].refusal, HasSubstr("is not in the cgroup of container"));
  EXPECT_EQ(explanation.containers[0].pid, 0);
  EXPECT_EQ(explanation.containers[1].refusal, "");

  const json item = json::parse(PodExplanationJson(explanation, ""))["containers"][0];
  EXPECT_EQ(item["canEnter"], false);
  EXPECT_THAT(item["reason"].get<std::string>(), HasSubstr("its pid was reused"));
  EXPECT_FALSE(item.contains("pid"));
  EXPECT_FALSE(item.contains("namespaces"));
}

TEST_F(PodExplainTest, APodThatCrashesAgainAndAgainHasItsSandbox) {
  NSDEBUG_REQUIRE_ROOT();
  cri::ProcessInCgroup pause("kubepods/pod1/" + Id('5'));
  NSDEBUG_SKIP_UNLESS(pause.problem().empty(), pause.problem());
  SetProcess('a', 0);
  for (cri::Container& container : runtime_.containers) container.state = ContainerState::kExited;
  runtime_.sandbox_status = [&](const std::string&) -> Result<cri::PodSandboxStatus> {
    return cri::PodSandboxStatus{runtime_.sandboxes[0], {{"info", cri::Info(pause.pid())}}};
  };
  const PodExplanation explanation = Explain();
  EXPECT_EQ(explanation.sandbox.refusal, "");
  EXPECT_EQ(explanation.sandbox.pid, pause.pid());
  EXPECT_EQ(
      explanation.containers[0].refusal,
      "container shop/web/app is not running: it exited with code 1 (Error) (--sandbox enters "
      "the pod's own namespaces)");
  const json document = json::parse(PodExplanationJson(explanation, ""));
  EXPECT_EQ(document["sandbox"]["canEnter"], true);
  EXPECT_EQ(document["sandbox"]["pid"], pause.pid());
  EXPECT_EQ(document["containers"][0]["state"], "exited");
}

TEST_F(PodExplainTest, TellsOfAPodThatHasStopped) {
  runtime_.sandboxes[0].state = cri::SandboxState::kNotReady;
  const PodExplanation explanation = Explain();
  const std::string reason = "pod shop/web is not running: its sandbox on this node stopped";
  EXPECT_EQ(explanation.sandbox.refusal, reason);
  EXPECT_EQ(explanation.containers[0].refusal, reason);
  EXPECT_EQ(json::parse(PodExplanationJson(explanation, ""))["state"], "notReady");
}

TEST_F(PodExplainTest, ARuntimeThatHangsIsAskedOnce) {
  int asked = 0;
  runtime_.sandbox_status = [&](const std::string&) -> Result<cri::PodSandboxStatus> {
    ++asked;
    return Fail(Code::kDeadlineExceeded, "PodSandboxStatus: no answer");
  };
  runtime_.container_status = [&](const std::string&) -> Result<cri::ContainerStatus> {
    ++asked;
    return Fail(Code::kDeadlineExceeded, "ContainerStatus: no answer");
  };
  const PodExplanation explanation = Explain();
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(explanation.sandbox.refusal, HasSubstr("PodSandboxStatus: no answer"));
  EXPECT_THAT(explanation.containers[1].refusal, HasSubstr("PodSandboxStatus: no answer"));
}

TEST_F(PodExplainTest, AnUnreadableNodeRefusesTheTarget) {
  NSDEBUG_REQUIRE_ROOT();
  cri::ProcessInCgroup process("kubepods/pod1/" + Id('a'));
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  SetProcess('a', process.pid());
  Result<PodExplanation> explanation = ExplainPod(&runtime_, "shop", "web", "/proc/0");
  ASSERT_TRUE(explanation) << explanation.error().message;
  EXPECT_THAT(explanation->containers[0].refusal, HasSubstr("open /proc/0"));
  EXPECT_EQ(explanation->containers[0].pid, 0);
}

// By an empty name the resolver finds the pod's default container.
TEST_F(PodExplainTest, ANamelessContainerIsNotTakenForAnother) {
  runtime_.AddContainer('c', "");
  EXPECT_EQ(Explain().containers[2].refusal, "the runtime tells no name of it");
}

TEST_F(PodExplainTest, NoSuchPod) {
  Result<PodExplanation> explanation = ExplainPod(&runtime_, "shop", "other");
  ASSERT_FALSE(explanation);
  EXPECT_EQ(explanation.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace nsdebug
