#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "docker/container.h"

namespace nsdebug::docker {
namespace {

using nlohmann::json;

const std::string kId(64, 'a');

json Description() {
  return {{"Id", kId},
          {"Name", "/web"},
          {"State",
           {{"Status", "running"},
            {"Running", true},
            {"Paused", false},
            {"Pid", 4242},
            {"ExitCode", 0}}},
          {"HostConfig", {{"Runtime", "runc"}}}};
}

TEST(ContainerTest, ReadsWhatTheEngineTells) {
  Result<Container> container = ParseContainer(Description().dump());
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->id, kId);
  EXPECT_EQ(container->name, "web");
  EXPECT_EQ(container->status, "running");
  EXPECT_EQ(container->oci_runtime, "runc");
  EXPECT_EQ(container->pid, 4242);
  EXPECT_TRUE(container->is_running);
  EXPECT_FALSE(container->is_paused);
}

TEST(ContainerTest, KeepsTheExitCode) {
  json description = Description();
  description["State"]["Status"] = "exited";
  description["State"]["Pid"] = 0;
  description["State"]["ExitCode"] = 137;
  Result<Container> container = ParseContainer(description.dump());
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->exit_code, 137);
  EXPECT_EQ(container->pid, 0);
}

struct Wrong {
  const char* pointer;
  json value;
  std::string message;
};

class WrongContainerTest : public testing::TestWithParam<Wrong> {};

TEST_P(WrongContainerTest, NamesTheField) {
  json description = Description();
  description[json::json_pointer(GetParam().pointer)] = GetParam().value;
  Result<Container> container = ParseContainer(description.dump());
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().code, Code::kInternal);
  EXPECT_EQ(container.error().message, "description of a container: " + GetParam().message);
}

const std::string kWrongId = "Id is not 64 hexadecimal digits";
const std::string kWrongPid = "State.Pid is not a process id";

INSTANTIATE_TEST_SUITE_P(
    AllFields, WrongContainerTest,
    testing::Values(Wrong{"/Id", "", kWrongId}, Wrong{"/Id", 7, kWrongId},
                    Wrong{"/Id", std::string(63, 'a'), kWrongId},
                    // A slash in it would make the cgroup check look for something else.
                    Wrong{"/Id", "/" + std::string(63, 'a'), kWrongId},
                    Wrong{"/Id", std::string(64, 'A'), kWrongId},
                    Wrong{"/Name", "/a/b", "Name is not a container's name"},
                    Wrong{"/Name", "/\x1b[2J", "Name is not a container's name"},
                    Wrong{"/Name", nullptr, "Name is not a container's name"},
                    Wrong{"/State", "running", "State.Status is not a word"},
                    Wrong{"/State/Status", std::string(256, 's'), "State.Status is not a word"},
                    Wrong{"/State/Status", json::array(), "State.Status is not a word"},
                    Wrong{"/State/Pid", -1, kWrongPid}, Wrong{"/State/Pid", "1", kWrongPid},
                    Wrong{"/State/Pid", 1.5, kWrongPid},
                    // 2^32 + 1 cut to 32 bits would be the node's init.
                    Wrong{"/State/Pid", 4294967297, kWrongPid},
                    Wrong{"/State/Pid", UINT64_MAX, kWrongPid}));

TEST(ContainerTest, RefusesWhatIsNotAnObject) {
  const std::string expected = "description of a container: the answer is not a JSON object";
  for (const std::string& text :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("{\"Id\": "),
        std::string("{\"Id\": \"\xff\"}"), std::string(1 << 20, '[')}) {
    Result<Container> container = ParseContainer(text);
    ASSERT_FALSE(container);
    EXPECT_EQ(container.error().message, expected);
  }
}

TEST(ContainerTest, NeedsAState) {
  json description = Description();
  description.erase("State");
  EXPECT_EQ(ParseContainer(description.dump()).error().message,
            "description of a container: State is not an object");
}

TEST(ContainerTest, ReadsPodmansRuntime) {
  EXPECT_EQ(ParsePodmanRuntime(R"({"OCIRuntime": "crun"})").value(), "crun");
  EXPECT_EQ(ParsePodmanRuntime("{}").error().message,
            "description of a container: OCIRuntime is not a word");
  EXPECT_EQ(ParsePodmanRuntime("7").error().message,
            "description of a container: the answer is not a JSON object");
}

TEST(ContainerTest, ReadsTheErrorMessage) {
  EXPECT_EQ(ParseErrorMessage(R"({"message": "No such container: x"})"), "No such container: x");
  EXPECT_EQ(ParseErrorMessage(R"({"message": 7})"), "");
  EXPECT_EQ(ParseErrorMessage("404 page not found"), "");
}

TEST(ContainerTest, KnowsDockersRuleForNames) {
  for (const std::string& name : {std::string("web"), std::string("a"), std::string("k8s_app.1-2"),
                                  kId, std::string(255, 'a')}) {
    EXPECT_TRUE(IsContainerName(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("-x"), std::string(".."), std::string("_a"), std::string("a/b"),
        std::string("a b"), std::string("a%2e"), std::string("a?x=1"), std::string("\xc3\xa4"),
        std::string("a\0b", 3), std::string(256, 'a')}) {
    EXPECT_FALSE(IsContainerName(name)) << name;
  }
}

}  // namespace
}  // namespace nsdebug::docker
