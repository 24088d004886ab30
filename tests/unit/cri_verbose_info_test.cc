#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "cri/verbose_info.h"

namespace nsdebug::cri {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;
using testing::UnorderedElementsAre;

constexpr char kCall[] = "status of container shop/web/app";

Result<VerboseInfo> Parse(std::string json) {
  return ParseVerboseInfo(kCall, {{"info", std::move(json)}});
}

void ExpectRefused(const std::string& json, const std::string& reason) {
  Result<VerboseInfo> info = Parse(json);
  ASSERT_FALSE(info) << json;
  EXPECT_EQ(info.error().code, Code::kInternal) << json;
  EXPECT_THAT(info.error().message,
              StartsWith("status of container shop/web/app: the runtime's verbose info cannot be "
                         "read: "))
      << json;
  EXPECT_THAT(info.error().message, HasSubstr(reason)) << json;
}

TEST(CriVerboseInfoTest, ReadsContainerd) {
  Result<VerboseInfo> info = Parse(R"({
      "sandboxID": "5a5a", "pid": 4242, "removing": false, "runtimeType": "io.containerd.runc.v2",
      "runtimeOptions": {}, "config": {"metadata": {"name": "app"}},
      "runtimeSpec": {
        "process": {"cwd": "/srv", "args": ["nginx"]},
        "linux": {"namespaces": [
          {"type": "pid"}, {"type": "mount"}, {"type": "network", "path": "/proc/4200/ns/net"},
          {"type": "ipc", "path": "/proc/4200/ns/ipc"}]}}})");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 4242);
  EXPECT_EQ(info->sandbox_id, "5a5a");
  EXPECT_EQ(info->runtime_type, "io.containerd.runc.v2");
  EXPECT_EQ(info->runtime_handler, "");
  EXPECT_EQ(info->process_spec, R"({"args":["nginx"],"cwd":"/srv"})");
  EXPECT_THAT(info->namespaces, UnorderedElementsAre(Pair("net", "/proc/4200/ns/net"),
                                                     Pair("ipc", "/proc/4200/ns/ipc")));
}

TEST(CriVerboseInfoTest, ReadsCrioSandboxWithoutProcess) {
  Result<VerboseInfo> info = Parse(R"({"runtimeSpec": {
      "annotations": {"io.kubernetes.cri-o.RuntimeHandler": "kata"},
      "linux": {"namespaces": [{"type": "uts", "path": "/run/utsns/1"},
                               {"type": "user", "path": "/run/userns/1"},
                               {"type": "cgroup", "path": "/run/cgroupns/1"}]}}})");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 0);
  EXPECT_EQ(info->runtime_handler, "kata");
  EXPECT_EQ(info->process_spec, "");
  // A pinned namespace of a kind that sandboxes do not share is not the pod's.
  EXPECT_THAT(info->namespaces,
              UnorderedElementsAre(Pair("uts", "/run/utsns/1"), Pair("user", "/run/userns/1")));
}

TEST(CriVerboseInfoTest, ReadsCriDockerd) {
  Result<VerboseInfo> info = Parse(R"({"sandboxID":"5a5a","pid":1553})");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 1553);
  EXPECT_EQ(info->sandbox_id, "5a5a");
  EXPECT_THAT(info->namespaces, IsEmpty());
}

TEST(CriVerboseInfoTest, ReadsFlatKeysOfOldCrio) {
  Result<VerboseInfo> info = ParseVerboseInfo(kCall, {{"pid", "4242"}, {"sandboxId", "5a5a"}});
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 4242);
  EXPECT_EQ(info->sandbox_id, "5a5a");
}

TEST(CriVerboseInfoTest, NoInfoIsAnUnknownPid) {
  Result<VerboseInfo> info = ParseVerboseInfo(kCall, {});
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 0);
  EXPECT_THAT(info->namespaces, IsEmpty());
}

TEST(CriVerboseInfoTest, ReadsPidsInTheirBounds) {
  struct Case {
    const char* json;
    pid_t pid;
  };
  for (const Case& c : {Case{R"({"pid":0})", 0}, Case{R"({"pid":1})", 1}, Case{R"({})", 0},
                        Case{R"({"pid":4194304})", 4194304}, Case{R"({"pid":"77"})", 77}}) {
    Result<VerboseInfo> info = Parse(c.json);
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->pid, c.pid) << c.json;
  }
}

// A pid that is read wrongly names somebody else's process: -1 and 0 are special to kill(2), 1 is
// the node's init, 2^32 + 1 becomes 1 in an int.
TEST(CriVerboseInfoTest, RefusesWhatIsNoPid) {
  ExpectRefused(R"({"pid":-1})", "pid is out of range");
  ExpectRefused(R"({"pid":4194305})", "pid is out of range");
  ExpectRefused(R"({"pid":4294967297})", "pid is out of range");
  ExpectRefused(R"({"pid":18446744073709551615})", "not an integer within its bounds");
  ExpectRefused(R"({"pid":1.9})", "pid is not an integer");
  ExpectRefused(R"({"pid":1e3})", "pid is not an integer");
  ExpectRefused(R"({"pid":true})", "pid is not an integer");
  ExpectRefused(R"({"pid":null})", "pid is not an integer");
  ExpectRefused(R"({"pid":[1]})", "pid is not an integer");
  ExpectRefused(R"({"pid":"many"})", "pid is not a number");
  ExpectRefused(R"({"pid":"-1"})", "pid is not a number");
  ExpectRefused(R"({"pid":" 1"})", "pid is not a number");
  ExpectRefused(R"({"pid":""})", "pid is not a number");
}

TEST(CriVerboseInfoTest, RefusesFlatPidThatIsNone) {
  Result<VerboseInfo> info = ParseVerboseInfo(kCall, {{"pid", "1; reboot"}});
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Code::kInternal);
  EXPECT_THAT(info.error().message, HasSubstr("pid is not a number"));
}

TEST(CriVerboseInfoTest, RefusesWhatIsNoObject) {
  ExpectRefused("", "parse error");
  ExpectRefused("{\"pid\": 1", "parse error");
  ExpectRefused("[1, 2]", "not an object");
  ExpectRefused("\"pid\"", "not an object");
  ExpectRefused("null", "not an object");
}

TEST(CriVerboseInfoTest, RefusesFieldsOfAnotherType) {
  ExpectRefused(R"({"sandboxID": 5})", "type must be string");
  ExpectRefused(R"({"runtimeType": ["io.containerd.runc.v2"]})", "type must be string");
  ExpectRefused(R"({"runtimeSpec": {"annotations": []}})", "cannot use value()");
  ExpectRefused(R"({"runtimeSpec": {"linux": {"namespaces": [{"path": "/x"}]}}})", "'type'");
  ExpectRefused(R"({"runtimeSpec": {"linux": {"namespaces": [7]}}})", "type_error");
}

TEST(CriVerboseInfoTest, IgnoresSpecThatIsNoObject) {
  Result<VerboseInfo> info = Parse(R"({"pid": 7, "runtimeSpec": null})");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 7);
  EXPECT_EQ(info->process_spec, "");
}

TEST(CriVerboseInfoTest, BoundsTheTextItTakesApart) {
  std::string padded = R"({"pid":1,"config":")";
  padded.append(kMaxInfoBytes, 'x');
  ExpectRefused(padded + "\"}", "too large");
}

TEST(CriVerboseInfoTest, BoundsTheDepthOfWhatItTakesApart) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  const std::string deep = nested(100'000);
  ExpectRefused(deep, "nested too deeply");
  ExpectRefused(std::string(100'000, '['), "nested too deeply");
  // These are copied and written again.
  ExpectRefused(R"({"runtimeSpec":{"annotations":)" + deep + "}}", "nested too deeply");
  ExpectRefused(R"({"runtimeSpec":{"process":{"args":)" + deep + "}}}", "nested too deeply");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  ExpectRefused(objects, "nested too deeply");

  Result<VerboseInfo> info = Parse(R"({"pid":7,"config":)" + nested(kMaxJsonDepth - 1) + "}");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, 7);
}

// The message goes to a person's terminal, and a pod's author writes parts of the info.
TEST(CriVerboseInfoTest, PrintsNoControlCharactersOfTheInfo) {
  Result<VerboseInfo> info = Parse("\x1b]0;pwned\x07");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().message.find('\x1b'), std::string::npos) << info.error().message;
  EXPECT_EQ(info.error().message.find('\x07'), std::string::npos) << info.error().message;
}

}  // namespace
}  // namespace nsdebug::cri
