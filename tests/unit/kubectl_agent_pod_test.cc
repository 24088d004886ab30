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

json AgentOn(const char* node, const char* name, const char* ready) {
  json agent = Agent(name, ready);
  if (*node != '\0') agent["spec"]["nodeName"] = node;
  return agent;
}

TEST(AgentPodTest, ANodeIsListedOnceWithTheOneThatIsReady) {
  const json items = {AgentOn("node-2", "failed", "False"), AgentOn("node-2", "new", "True"),
                      AgentOn("node-2", "surge", "True"),   AgentOn("node-1", "one", "True"),
                      AgentOn("node-3", "starts", "False"), AgentOn("node-3", "waits", "False")};
  Result<std::vector<AgentPod>> pods = ListAgentPods(json{{"items", items}}.dump(), "ns-debug");
  ASSERT_TRUE(pods);
  std::string listed;
  for (const AgentPod& pod : *pods) listed += pod.node + ":" + pod.name + " ";
  EXPECT_EQ(listed, "node-1:one node-2:new node-3:starts ");
}

TEST(AgentPodTest, ThoseThatWaitForANodeAreAllListed) {
  const json items = {AgentOn("", "one", "False"), AgentOn("", "two", "False")};
  Result<std::vector<AgentPod>> pods = ListAgentPods(json{{"items", items}}.dump(), "ns-debug");
  ASSERT_TRUE(pods);
  EXPECT_EQ(pods->size(), 2);
}

TEST(AgentPodTest, IsNotConfusedByWhatIsNoList) {
  for (const char* text : {"", "[]", "7", "{\"items\": 7}", "{\"items\": [7]}"}) {
    EXPECT_FALSE(ChooseAgentPod(text, "ns-debug", "node-1")) << text;
  }
}

/// As the API server has it, with the columns that only `-o wide` shows.
json Table(const json& rows) {
  json table = {{"kind", "Table"}, {"rows", json::array()}};
  for (const char* name : {"Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"}) {
    table["columnDefinitions"].push_back({{"name", name}});
  }
  for (const json& cells : rows) table["rows"].push_back({{"cells", cells}});
  return table;
}

json Row(const char* name, const char* ready, const char* status, const char* node) {
  return {name, ready, status, 0, "5d", "10.0.0.1", node};
}

TEST(AgentPodTableTest, HasTheOneOfANode) {
  const json table = Table(
      {Row("agent-a", "1/1", "Running", "node-1"), Row("agent-b", "2/2", "Running", "node-2")});
  EXPECT_EQ(FindAgentPod(table.dump(), "node-1"), "agent-a");
  EXPECT_EQ(FindAgentPod(table.dump(), "node-2"), "agent-b");
  EXPECT_EQ(FindAgentPod(table.dump(), "node"), std::nullopt);
}

TEST(AgentPodTableTest, HasOnlyThoseThatAreReady) {
  const json table = Table(
      {Row("starts", "0/1", "Running", "node-1"), Row("half", "1/2", "Running", "node-1"),
       Row("empty", "0/0", "Running", "node-1"), Row("leaves", "1/1", "Terminating", "node-1"),
       Row("fails", "1/1", "CrashLoopBackOff", "node-1")});
  EXPECT_EQ(FindAgentPod(table.dump(), "node-1"), std::nullopt);
}

TEST(AgentPodTableTest, IsNotConfusedByOtherColumnsOrNone) {
  json table = Table({Row("agent-a", "1/1", "Running", "node-1")});
  table["columnDefinitions"].erase(1);
  EXPECT_EQ(FindAgentPod(table.dump(), "node-1"), std::nullopt);
  table.erase("columnDefinitions");
  EXPECT_EQ(FindAgentPod(table.dump(), "node-1"), std::nullopt);
  table = Table({json::array(), json::array({7}), json(7), Row("agent-a", "1", "Running", "x")});
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{\"rows\": 7}"),
                                  json{{"items", {Agent("one", "True")}}}.dump(), table.dump()}) {
    EXPECT_EQ(FindAgentPod(text, "node-1"), std::nullopt) << text;
    EXPECT_EQ(FindAgentPod(text, ""), std::nullopt) << text;
  }
}

TEST(AgentPodTest, TakesTheAuthorityOutOfTheConfigMap) {
  EXPECT_EQ(*AgentCaOf(R"({"data": {"ca.crt": "PEM"}})"), "PEM");
  EXPECT_FALSE(AgentCaOf(R"({"data": {"ca.crt": 7}})"));
  EXPECT_FALSE(AgentCaOf("no json"));
}

}  // namespace
}  // namespace nsdebug::kubectl
