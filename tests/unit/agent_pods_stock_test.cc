#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "agent/pods/discovery.h"
#include "agent/pods/stock_pod.h"
#include "tests/fake_cri/fake_runtime.h"

namespace nsdebug {
namespace {

using cri::ContainerState;
using cri::Id;
using nlohmann::json;

class StockPodTest : public testing::Test {
 protected:
  json Document() {
    Result<std::string> text = GetStockPod(&runtime_, "shop", "web", "node-1");
    EXPECT_TRUE(text) << text.error().message;
    return json::parse(*text);
  }

  cri::FakeRuntime runtime_;
};

TEST_F(StockPodTest, TellsWhatExecNeeds) {
  runtime_.sandboxes[0].annotations = {{"kubectl.kubernetes.io/default-container", "side"},
                                       {"example.com/secret", "x"}};
  runtime_.containers[0].created_at = 1'700'000'000'000'000'000;
  runtime_.containers[1].created_at = 1'700'000'001'000'000'000;
  const json document = Document();
  EXPECT_EQ(document["kind"], "Pod");
  EXPECT_EQ(document["apiVersion"], "v1");
  EXPECT_EQ(document["metadata"],
            json({{"name", "web"},
                  {"namespace", "shop"},
                  {"uid", "uid-1"},
                  {"annotations", {{"kubectl.kubernetes.io/default-container", "side"}}}}));
  EXPECT_EQ(document["spec"], json::parse(R"({"nodeName": "node-1",
                                              "containers": [{"name": "app"}, {"name": "side"}]})"));
  EXPECT_EQ(document["status"]["phase"], "Running");
  EXPECT_EQ(document["status"]["containerStatuses"][0],
            json({{"name", "app"},
                  {"state", {{"running", {{"startedAt", "2023-11-14T22:13:20Z"}}}}},
                  {"ready", true},
                  {"restartCount", 0},
                  {"image", ""},
                  {"imageID", ""},
                  {"containerID", "containerd://" + Id('a')}}));
}

TEST_F(StockPodTest, TellsInitAndEphemeralContainersApart) {
  runtime_.AddContainer('c', "setup").annotations["io.kubernetes.container.type"] = "init";
  runtime_.AddContainer('d', "debugger").annotations["io.kubernetes.container.type"] = "ephemeral";
  const json document = Document();
  EXPECT_EQ(document["spec"]["containers"].size(), 2);
  EXPECT_EQ(document["spec"]["initContainers"], json::parse(R"([{"name": "setup"}])"));
  EXPECT_EQ(document["spec"]["ephemeralContainers"], json::parse(R"([{"name": "debugger"}])"));
  EXPECT_EQ(document["status"]["initContainerStatuses"][0]["name"], "setup");
  EXPECT_EQ(document["status"]["ephemeralContainerStatuses"][0]["name"], "debugger");
}

TEST_F(StockPodTest, APodThatStartsIsPending) {
  runtime_.containers.clear();
  json document = Document();
  EXPECT_EQ(document["status"]["phase"], "Pending");
  EXPECT_EQ(document["spec"]["containers"], json::array());
  runtime_.AddContainer('c', "setup").annotations["io.kubernetes.container.type"] = "init";
  EXPECT_EQ(Document()["status"]["phase"], "Pending");
}

// kubectl would not even ask to exec into a pod that has completed.
TEST_F(StockPodTest, APodThatStoppedIsOfNoKnownPhase) {
  runtime_.sandboxes[0].state = cri::SandboxState::kNotReady;
  EXPECT_EQ(Document()["status"]["phase"], "Unknown");
}

TEST_F(StockPodTest, TellsTheStatesOfContainers) {
  struct Case {
    ContainerState state;
    const char* reason;
  };
  for (const Case& c : {Case{ContainerState::kCreated, "ContainerCreating"},
                        Case{ContainerState::kExited, "ContainerExited"},
                        Case{ContainerState::kUnknown, "ContainerStateUnknown"}}) {
    runtime_.containers[0].state = c.state;
    const json status = Document()["status"]["containerStatuses"][0];
    EXPECT_EQ(status["state"]["waiting"]["reason"], c.reason);
    EXPECT_EQ(status["ready"], false);
  }
}

TEST_F(StockPodTest, MakesValidJsonOfAnyBytes) {
  runtime_.containers[0].name = "a\xff\"";
  runtime_.sandboxes[0].uid = std::string(100'000, '\xfe');
  const json document = Document();
  EXPECT_EQ(document["spec"]["containers"][0]["name"], "a\xEF\xBF\xBD\"");
  EXPECT_LT(document["metadata"]["uid"].get<std::string>().size(), 4 * kMaxShownBytes);
}

TEST_F(StockPodTest, NoSuchPod) {
  Result<std::string> text = GetStockPod(&runtime_, "shop", "other", "node-1");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kNotFound);
}

TEST(DiscoveryTest, NamesPodsAndExec) {
  const json versions = json::parse(ApiVersionsJson());
  EXPECT_EQ(versions["kind"], "APIVersions");
  EXPECT_EQ(versions["versions"], json::array({"v1"}));
  const json groups = json::parse(ApiGroupListJson());
  EXPECT_EQ(groups["kind"], "APIGroupList");
  EXPECT_EQ(groups["groups"], json::array());
  const json resources = json::parse(CoreResourceListJson());
  EXPECT_EQ(resources["kind"], "APIResourceList");
  EXPECT_EQ(resources["groupVersion"], "v1");
  EXPECT_EQ(resources["resources"][0]["name"], "pods");
  EXPECT_EQ(resources["resources"][0]["kind"], "Pod");
  EXPECT_EQ(resources["resources"][0]["namespaced"], true);
  EXPECT_EQ(resources["resources"][1]["name"], "pods/exec");
}

}  // namespace
}  // namespace nsdebug
