#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kubectl/agent_pod.h"

namespace nsdebug::kubectl {
namespace {

using nlohmann::json;

json Agent(const char* name, const char* ready) {
  return {{"metadata", {{"name", name}}},
          {"status", {{"conditions", {{{"type", "Ready"}, {"status", ready}}}}}}};
}

Result<std::string> Choose(const json& items) {
  return ChooseAgentPod(json{{"items", items}}.dump(), "ns-debug", "node-1");
}

TEST(AgentPodTest, TakesTheOneThatIsReady) {
  EXPECT_EQ(*Choose({Agent("old", "False"), Agent("new", "True")}), "new");
}

TEST(AgentPodTest, OneThatIsBeingDeletedIsNotReady) {
  json agent = Agent("old", "True");
  agent["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_FALSE(Choose(json::array({agent})));
}

TEST(AgentPodTest, SaysWhatToInstall) {
  Result<std::string> agent = Choose(json::array());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().code, Code::kNotFound);
  EXPECT_NE(agent.error().message.find("no ns-debug agent on node node-1: install the chart"),
            std::string::npos);
}

TEST(AgentPodTest, SaysWhyItIsNotReady) {
  json agent = Agent("one", "False");
  const json waiting = {{"reason", "ImagePullBackOff"}, {"message", "no such image"}};
  agent["status"]["containerStatuses"].push_back({{"state", {{"waiting", waiting}}}});
  Result<std::string> chosen = Choose(json::array({agent}));
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().message,
            "the ns-debug agent one on node node-1 is not ready: ImagePullBackOff: no such image");
}

TEST(AgentPodTest, IsNotConfusedByWhatIsNoList) {
  for (const char* text : {"", "[]", "7", "{\"items\": 7}", "{\"items\": [7]}"}) {
    EXPECT_FALSE(ChooseAgentPod(text, "ns-debug", "node-1")) << text;
  }
}

TEST(AgentPodTest, TakesTheAuthorityOutOfTheConfigMap) {
  EXPECT_EQ(*AgentCaOf(R"({"data": {"ca.crt": "PEM"}})"), "PEM");
  EXPECT_FALSE(AgentCaOf(R"({"data": {"ca.crt": 7}})"));
  EXPECT_FALSE(AgentCaOf("no json"));
}

}  // namespace
}  // namespace nsdebug::kubectl
