#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/pods/documents.h"
#include "agent/pods/pod_list.h"
#include "tests/fake_cri/fake_runtime.h"

namespace nsdebug {
namespace {

using cri::ContainerState;
using cri::Id;
using cri::SandboxState;
using nlohmann::json;
using testing::ElementsAre;
using testing::SizeIs;

class PodListTest : public testing::Test {
 protected:
  cri::PodSandbox& AddSandbox(char digit, const std::string& pod_namespace,
                              const std::string& name) {
    cri::PodSandbox sandbox = runtime_.sandboxes[0];
    sandbox.id = Id(digit);
    sandbox.pod_namespace = pod_namespace;
    sandbox.name = name;
    sandbox.uid = "uid-" + name;
    return runtime_.sandboxes.emplace_back(sandbox);
  }

  json Document(const std::string& pod_namespace = "") {
    Result<PodList> list = ListPods(&runtime_, pod_namespace);
    EXPECT_TRUE(list) << list.error().message;
    return json::parse(PodListJson(*list, "node-1"));
  }

  static std::vector<std::string> NamesIn(const json& items) {
    std::vector<std::string> names;
    for (const json& item : items) names.push_back(item.at("name"));
    return names;
  }

  cri::FakeRuntime runtime_;
};

TEST_F(PodListTest, TellsWhatRuns) {
  runtime_.sandboxes[0].created_at = 1'700'000'000'123'456'789;
  runtime_.sandboxes[0].runtime_handler = "runc";
  runtime_.containers[0].annotations["io.kubernetes.container.type"] = "container";
  runtime_.containers[0].attempt = 3;
  runtime_.containers[0].created_at = 0;
  runtime_.containers[1].state = ContainerState::kExited;
  runtime_.containers[1].created_at = 1'700'000'001'000'000'000;
  const json expected = {{"kind", "PodList"},
                         {"apiVersion", "ns-debug.io/v1alpha1"},
                         {"node", "node-1"},
                         {"truncated", false},
                         {"items",
                          {{{"namespace", "shop"},
                            {"name", "web"},
                            {"uid", "uid-1"},
                            {"state", "ready"},
                            {"sandboxId", Id('5')},
                            {"runtimeHandler", "runc"},
                            {"created", "2023-11-14T22:13:20Z"},
                            {"containers",
                             {{{"name", "app"},
                               {"id", Id('a')},
                               {"kind", "app"},
                               {"state", "running"},
                               {"restarts", 3}},
                              {{"name", "side"},
                               {"id", Id('b')},
                               {"state", "exited"},
                               {"restarts", 0},
                               {"created", "2023-11-14T22:13:21Z"}}}}}}}};
  EXPECT_EQ(Document(), expected);
}

TEST_F(PodListTest, AsksTwiceHoweverManyPodsThereAre) {
  for (char digit = '6'; digit <= '9'; ++digit) AddSandbox(digit, "shop", std::string(1, digit));
  EXPECT_THAT(Document()["items"], SizeIs(5));
  EXPECT_THAT(runtime_.calls, ElementsAre("ListPodSandboxes", "ListContainers"));
}

TEST_F(PodListTest, SortsByNamespaceAndName) {
  AddSandbox('6', "shop", "api");
  AddSandbox('7', "bank", "zeta");
  EXPECT_THAT(NamesIn(Document()["items"]), ElementsAre("zeta", "api", "web"));
}

// A runtime that does not filter.
TEST_F(PodListTest, TellsOnlyOfTheNamespaceAskedFor) {
  AddSandbox('6', "bank", "vault");
  EXPECT_THAT(NamesIn(Document("shop")["items"]), ElementsAre("web"));
  EXPECT_THAT(Document("nowhere")["items"], SizeIs(0));
}

TEST_F(PodListTest, OfTheSandboxesOfAPodTheReadyOneCounts) {
  runtime_.sandboxes[0].attempt = 1;
  cri::PodSandbox& old = AddSandbox('6', "shop", "web");
  old.uid = "uid-1";
  old.attempt = 2;
  old.state = SandboxState::kNotReady;
  json items = Document()["items"];
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0]["sandboxId"], Id('5'));

  runtime_.sandboxes[0].state = SandboxState::kNotReady;
  items = Document()["items"];
  EXPECT_EQ(items[0]["sandboxId"], Id('6'));
  EXPECT_EQ(items[0]["state"], "notReady");
  EXPECT_THAT(items[0]["containers"], SizeIs(0));
}

TEST_F(PodListTest, OfTheAttemptsOfAContainerTheRunningOneCounts) {
  cri::Container& old = runtime_.AddContainer('0', "app");
  old.state = ContainerState::kExited;
  EXPECT_THAT(NamesIn(Document()["items"][0]["containers"]), ElementsAre("app", "side"));
  EXPECT_EQ(Document()["items"][0]["containers"][0]["id"], Id('a'));
}

TEST_F(PodListTest, IsBounded) {
  for (size_t i = 0; i < kMaxListedPods; ++i) {
    AddSandbox('6', "shop", "w" + std::to_string(i)).id += std::to_string(i);
  }
  for (size_t i = 0; i < kMaxPodContainers; ++i) {
    runtime_.AddContainer('c', "c" + std::to_string(i));
  }
  runtime_.sandboxes[0].name = std::string(5000, 'a');
  const json document = Document();
  EXPECT_EQ(document["truncated"], true);
  EXPECT_THAT(document["items"], SizeIs(kMaxListedPods));
  EXPECT_EQ(document["items"][0]["truncated"], true);
  EXPECT_THAT(document["items"][0]["containers"], SizeIs(kMaxPodContainers));
  EXPECT_EQ(document["items"][0]["name"], std::string(kMaxShownBytes, 'a') + "...");
}

TEST_F(PodListTest, MakesValidJsonOfAnyBytes) {
  runtime_.sandboxes[0].name = "w\xff\"b\x01\n";
  runtime_.containers[0].name = std::string("a\0b", 3);
  runtime_.sandboxes[0].created_at = INT64_MIN;
  runtime_.containers[0].created_at = INT64_MAX;
  runtime_.containers[0].annotations["io.kubernetes.container.type"] = "<script>";
  const json item = Document()["items"][0];
  EXPECT_EQ(item["name"], "w\xEF\xBF\xBD\"b\x01\n");
  EXPECT_FALSE(item.contains("created"));
  const json& app = item["containers"][1];
  EXPECT_EQ(app["name"], std::string("a\0b", 3));
  EXPECT_EQ(app["created"], "2262-04-11T23:47:16Z");
  EXPECT_FALSE(app.contains("kind"));
}

TEST_F(PodListTest, PassesTheRuntimesErrorsOn) {
  runtime_.list_containers =
      [](const cri::ContainerFilter&) -> Result<std::vector<cri::Container>> {
    return Fail(Code::kDeadlineExceeded, "ListContainers: no answer");
  };
  Result<PodList> list = ListPods(&runtime_, "");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(list.error().message, "ListContainers: no answer");
}

TEST(FindPodTest, FindsAPodThatHasStopped) {
  cri::FakeRuntime runtime;
  runtime.sandboxes[0].state = SandboxState::kNotReady;
  Result<Pod> pod = FindPod(&runtime, "shop", "web");
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(pod->sandbox.id, Id('5'));
  EXPECT_THAT(pod->containers, SizeIs(2));
  EXPECT_THAT(runtime.calls, ElementsAre("ListPodSandboxes", "ListContainers"));
}

TEST(FindPodTest, TakesTheReadyOneOfTwoPodsOfOneName) {
  cri::FakeRuntime runtime;
  cri::PodSandbox old = runtime.sandboxes[0];
  old.id = Id('6');
  old.uid = "uid-0";
  old.attempt = 9;
  old.created_at = 9;
  old.state = SandboxState::kNotReady;
  runtime.sandboxes.push_back(old);
  EXPECT_EQ(FindPod(&runtime, "shop", "web")->sandbox.uid, "uid-1");
}

TEST(FindPodTest, SaysThatThereIsNone) {
  cri::FakeRuntime runtime;
  runtime.sandboxes[0].pod_namespace = "evil";
  Result<Pod> pod = FindPod(&runtime, "shop", "web");
  ASSERT_FALSE(pod);
  EXPECT_EQ(pod.error().code, Code::kNotFound);
  EXPECT_EQ(pod.error().message, "no pod shop/web on this node");
}

}  // namespace
}  // namespace nsdebug
