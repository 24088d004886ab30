#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "kubectl/verbs/agent_answer.h"
#include "kubectl/verbs/can_i.h"
#include "kubectl/verbs/explain.h"
#include "kubectl/verbs/ls.h"
#include "kubectl/verbs/sessions.h"
#include "kubectl/verbs/table.h"
#include "kubectl/verbs/verb_options.h"
#include "kubectl/verbs/version.h"

namespace nsdebug::kubectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(TableTest, ColumnsAreAlignedAndWhatIsForeignIsPrintable) {
  Table table({"NAME", "AGE"});
  table.Add({"a-long-name", "5s"});
  table.Add({"x\x1b[31m"});
  EXPECT_EQ(table.Text(),
            "NAME          AGE\n"
            "a-long-name   5s\n"
            "x\\x1b[31m     <none>\n");
}

TEST(OutputTest, YamlKeepsTextsTexts) {
  const nlohmann::ordered_json document = {
      {"text", "web-1"},   {"truth", "true"},
      {"number", "12"},    {"empty", ""},
      {"line", "a\nb: c"}, {"count", 12},
      {"yes", true},       {"none", nullptr},
      {"list", {"a", 1}},  {"nothing", nlohmann::ordered_json::array()}};
  EXPECT_EQ(Render(document, OutputFormat::kYaml),
            "text: web-1\n"
            "truth: \"true\"\n"
            "number: \"12\"\n"
            "empty: \"\"\n"
            "line: \"a\\nb: c\"\n"
            "count: 12\n"
            "\"yes\": true\n"
            "none: ~\n"
            "list:\n"
            "  - a\n"
            "  - 1\n"
            "nothing: []\n");
}

TEST(OutputTest, AnAnswerIsAnObject) {
  for (const char* text : {"", "[]", "12", "{", "\"x\""}) {
    const auto answer = ParseAnswer(text);
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().code, Code::kInternal) << text;
  }
}

TEST(OutputTest, AFormatThatThereIsNot) {
  const auto format = ParseOutputFormat("xml");
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().message, "-o: expected wide, json or yaml, got 'xml'");
}

TEST(AgentAnswerTest, PathsAreThoseOfTheExec) {
  ExecParameters parameters;
  parameters.pod_namespace = "shop";
  parameters.pod = "web";
  parameters.profile = "netadmin";
  parameters.command = {"true"};
  EXPECT_EQ(PodPath(parameters), "/apis/ns-debug.io/v1alpha1/namespaces/shop/pods/web");
  EXPECT_EQ(AccessPath(parameters),
            "/apis/ns-debug.io/v1alpha1/namespaces/shop/pods/web/access?stdout=true&stderr=true"
            "&profile=netadmin");
}

constexpr char kDenied[] = R"({"kind": "AccessExplanation", "node": "n1", "allowed": false,
  "complete": false, "questions": [
    {"verb": "create", "group": "ns-debug.io", "resource": "pods/exec", "namespace": "shop",
     "name": "web", "allowed": false, "message": "m"},
    {"verb": "use", "group": "ns-debug.io", "resource": "profiles", "namespace": "shop",
     "name": "netadmin", "allowed": false, "message": "m"}]})";

TEST(CanITest, WhatIsMissingIsARule) {
  const auto text = ShowAccess(kDenied, OutputFormat::kText);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "no\n"
            "# missing in a Role of namespace shop, or in a ClusterRole\n"
            "- apiGroups:\n"
            "    - ns-debug.io\n"
            "  resources:\n"
            "    - pods/exec\n"
            "  verbs:\n"
            "    - create\n"
            "- apiGroups:\n"
            "    - ns-debug.io\n"
            "  resources:\n"
            "    - profiles\n"
            "  resourceNames:\n"
            "    - netadmin\n"
            "  verbs:\n"
            "    - use\n"
            "# a pod that shares the node's namespaces takes nodes/exec too; ask again with the "
            "rights above\n");
}

TEST(CanITest, ANodesRuleIsAClusterRoles) {
  const auto text = ShowAccess(R"({"allowed": false, "complete": true, "questions": [
      {"verb": "create", "group": "ns-debug.io", "resource": "nodes/exec", "name": "n1",
       "allowed": false}]})",
                               OutputFormat::kText);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("# missing in a ClusterRole with a ClusterRoleBinding\n"));
  EXPECT_THAT(*text, HasSubstr("  resourceNames:\n    - n1\n"));
  EXPECT_THAT(*text, Not(HasSubstr("ask again")));
}

TEST(CanITest, YesNamesTheProfile) {
  const auto text = ShowAccess(R"({"allowed": true, "complete": true, "questions": [
      {"resource": "profiles", "name": "general", "allowed": true}]})",
                               OutputFormat::kText);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "yes, with profile general\n");
}

constexpr char kPod[] = R"({"node": "n1", "namespace": "shop", "name": "web", "state": "ready",
  "sandbox": {"canEnter": true, "pid": 7, "namespaces": []},
  "containers": [
    {"name": "app", "state": "running", "id": "0123456789abcdef", "canEnter": true, "pid": 12,
     "user": {"uid": 0, "gid": 5}, "securityLabel": "runtime/default",
     "namespaces": [{"kind": "net", "inode": 3, "sharedWithNode": true},
                    {"kind": "pid", "inode": 4, "sharedWithNode": false}]},
    {"name": "init", "kind": "init", "state": "exited", "canEnter": false, "reason": "stopped"}]})";

TEST(ExplainTest, EveryContainerAndTheSandbox) {
  const auto text = ShowExplanation(kPod, kDenied, OutputFormat::kWide);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("pod shop/web on node n1\n"));
  EXPECT_THAT(*text, testing::ContainsRegex("app +running +12 +0:5 +net +yes +0123456789abc +"
                                            "net:3,pid:4 +runtime/default\n"));
  EXPECT_THAT(*text, testing::ContainsRegex("init \\(init\\) +exited .* no: stopped"));
  EXPECT_THAT(*text, testing::ContainsRegex("\\(sandbox\\) +ready +7 "));
  EXPECT_THAT(*text, HasSubstr("\nMay you? no\n"));
}

TEST(ExplainTest, JsonHasBothAnswers) {
  const auto text = ShowExplanation(kPod, kDenied, OutputFormat::kJson);
  ASSERT_TRUE(text);
  const auto document = nlohmann::json::parse(*text);
  EXPECT_EQ(document["containers"][0]["pid"], 12);
  EXPECT_EQ(document["access"]["complete"], false);
}

TEST(LsTest, AnAgentThatCannotBeAskedIsThereWithTheReason) {
  const auto text =
      ShowNodes({{"n1", "agent-a", "", "v1.0.0",
                  R"({"node": "n1", "items": [{"namespace": "shop", "name": "web", "state": "ready",
            "containers": [{"name": "app", "state": "running"}]}]})"},
                 {"n2", "agent-b", "ImagePullBackOff", "", ""}},
                OutputFormat::kText);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, testing::ContainsRegex("n1 +agent-a +v1.0.0 +ready\n"));
  EXPECT_THAT(*text, testing::ContainsRegex("n2 +agent-b +<none> +ImagePullBackOff\n"));
  EXPECT_THAT(*text, testing::ContainsRegex("n1 +shop +web +ready +app\\(running\\) +<none>\n"));
}

TEST(SessionsTest, OfAllAgentsInOneList) {
  const std::vector<std::string> lists = {
      R"({"items": [{"id": "a1", "user": "u", "namespace": "shop", "pod": "web",
          "command": ["sh", "-c", "x\u001b"]}]})",
      R"({"items": [{"id": "b2", "user": "v", "pod": "", "node": "n2", "command": []}]})"};
  const auto text = ShowSessions(lists, OutputFormat::kText);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, testing::ContainsRegex("a1 +u +shop +pod/web .* sh -c x\\\\x1b\n"));
  EXPECT_THAT(*text, testing::ContainsRegex("b2 +v +<none> +node/n2 .* \\(a shell\\)\n"));
  const auto json = ShowSessions(lists, OutputFormat::kJson);
  ASSERT_TRUE(json);
  EXPECT_EQ(nlohmann::json::parse(*json)["items"].size(), 2U);
}

TEST(SessionsTest, WhatIsNoIdGoesIntoNoPath) {
  EXPECT_TRUE(IsSessionId("83d031b9139e5d2b7885351d1d1c6fc1"));
  for (const char* text : {"", "../pods", "a/b", "A", "a?b", "%2e"}) {
    EXPECT_FALSE(IsSessionId(text)) << text;
  }
  EXPECT_FALSE(IsSessionId(std::string(65, 'a')));
}

TEST(VersionTest, APatchIsNoSkew) {
  EXPECT_EQ(VersionOf(R"({"gitVersion": "v1.2.3"})"), "v1.2.3");
  EXPECT_EQ(VersionOf("nonsense"), "");
  EXPECT_EQ(SkewWarning("v1.2.3", "v1.2.9", "a"), "");
  EXPECT_EQ(SkewWarning("v1.2.3", "", "a"), "");
  EXPECT_THAT(SkewWarning("v1.2.3", "v1.3.0", "a"), HasSubstr("the agent a is v1.3.0"));
  EXPECT_THAT(SkewWarning("v1.2.3", "v2.2.3", "a"), HasSubstr("v2.2.3"));
}

std::string Complaint(const VerbOptions& options, const GivenArguments& given) {
  const Result<void> checked = CheckVerb(options, given);
  return checked ? "" : checked.error().message;
}

TEST(VerbOptionsTest, WhatDoesNotFitTogether) {
  VerbOptions options;
  EXPECT_THAT(Complaint(options, {"", true, false}), HasSubstr("TARGET is missing"));
  EXPECT_EQ(Complaint(options, {"web", true, false}), "");
  options.verb = Verb::kList;
  EXPECT_EQ(Complaint(options, {}), "");
  EXPECT_THAT(Complaint(options, {"web", false, false}), HasSubstr("pod/ls"));
  EXPECT_THAT(Complaint(options, {"", true, false}), HasSubstr("no command"));
  options.output = "xml";
  EXPECT_THAT(Complaint(options, {}), HasSubstr("-o"));
  options.verb = Verb::kEndSession;
  EXPECT_THAT(Complaint(options, {}), HasSubstr("has no -o"));
}

TEST(VerbOptionsTest, ManyTargetsTakeACommandAndNoInput) {
  VerbOptions options;
  options.selector = "app=web";
  EXPECT_EQ(Complaint(options, {"", true, false}), "");
  EXPECT_THAT(Complaint(options, {"", false, false}), HasSubstr("a command behind --"));
  EXPECT_THAT(Complaint(options, {"", true, true}), HasSubstr("-i, -t"));
  EXPECT_THAT(Complaint(options, {"web", true, false}), HasSubstr("without a TARGET"));
  options.output = "wide";
  EXPECT_THAT(Complaint(options, {"", true, false}), HasSubstr("expected json, got 'wide'"));
  options.verb = Verb::kExplain;
  EXPECT_THAT(Complaint(options, {"", true, false}), HasSubstr("explain has no -l"));

  VerbOptions nodes;
  nodes.all_nodes = true;
  EXPECT_EQ(Complaint(nodes, {"node", true, false}), "");
  EXPECT_THAT(Complaint(nodes, {"web", true, false}), HasSubstr("`node --all`"));
  nodes.all_pods = true;
  EXPECT_THAT(Complaint(nodes, {"node", true, false}), HasSubstr("do not choose from"));
}

}  // namespace
}  // namespace nsdebug::kubectl
