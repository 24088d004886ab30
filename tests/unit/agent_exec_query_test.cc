#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/exec/exec_request.h"
#include "nsenter/session/session_plan.h"

namespace nsdebug {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// What is wrong with a query; empty when nothing is.
std::string ErrorOf(const QueryParameters& query, const ExecDefaults& defaults = {}) {
  Result<ExecRequest> request = ParseExecQuery(query, defaults);
  if (request) return "";
  EXPECT_EQ(request.error().code, Code::kInvalidArgument);
  return request.error().message;
}

/// A good query with one more parameter.
QueryParameters With(const std::string& name, const std::string& value) {
  return {{"command", "true"}, {"stdout", "true"}, {name, value}};
}

TEST(ExecQueryTest, TakesWhatKubectlSends) {
  ExecDefaults defaults;
  defaults.view = View::kContainer;
  defaults.profile = "restricted";
  Result<ExecRequest> request = ParseExecQuery({{"command", "ls"},
                                                {"command", "-l"},
                                                {"container", "app"},
                                                {"stdin", "true"},
                                                {"stdout", "true"},
                                                {"tty", "true"},
                                                {"stderr", "true"}},
                                               defaults);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_THAT(request->spec.command, ElementsAre("ls", "-l"));
  EXPECT_EQ(request->container, "app");
  EXPECT_TRUE(request->spec.tty);
  EXPECT_TRUE(request->want_stdin);
  EXPECT_TRUE(request->want_stdout);
  EXPECT_FALSE(request->want_stderr) << "a terminal has one output";
  EXPECT_EQ(request->spec.view, View::kContainer);
  EXPECT_EQ(request->spec.profile->name, kDefaultProfile) << "a container has its own rights";
  EXPECT_EQ(request->spec.namespaces, kSessionNamespaces);
}

TEST(ExecQueryTest, TakesAllOfOurs) {
  Result<ExecRequest> request = ParseExecQuery({{"command", "sh"},
                                                {"stderr", "1"},
                                                {"profile", "netadmin"},
                                                {"view", "host"},
                                                {"namespaces", "net,pid"},
                                                {"namespaces", "uts"},
                                                {"sandbox", "true"},
                                                {"uid", "1000"},
                                                {"gid", "4294967294"},
                                                {"workingDir", "/tmp"},
                                                {"env", "A=1"},
                                                {"env", "B="},
                                                {"timeoutSeconds", "30"},
                                                {"rows", "33"},
                                                {"columns", "65535"}},
                                               {});
  ASSERT_TRUE(request) << request.error().message;
  const SessionSpec& spec = request->spec;
  EXPECT_EQ(spec.profile->name, "netadmin");
  EXPECT_EQ(spec.capabilities, spec.profile->capabilities & AllCapabilities());
  EXPECT_EQ(spec.view, View::kHost);
  EXPECT_EQ(spec.namespaces, CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS);
  EXPECT_TRUE(request->sandbox);
  EXPECT_EQ(spec.uid, 1000u);
  EXPECT_EQ(spec.gid, 4294967294u);
  EXPECT_EQ(spec.working_directory, "/tmp");
  EXPECT_THAT(spec.environment, ElementsAre("A=1", "B="));
  EXPECT_EQ(spec.deadline, seconds(30));
  EXPECT_EQ(spec.rows, 33);
  EXPECT_EQ(spec.columns, 65535);
  EXPECT_TRUE(request->want_stderr);
  EXPECT_FALSE(request->want_stdout);
}

TEST(ExecQueryTest, TheRestComesFromTheDefaults) {
  ExecDefaults defaults;
  defaults.profile = "baseline";
  defaults.toolbox = "/tools";
  defaults.cgroup_parent = "/elsewhere";
  defaults.limits.pids = 17;
  defaults.max_duration = seconds(60);
  Result<ExecRequest> request = ParseExecQuery({{"stdin", "true"}}, defaults);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->spec.profile->name, "baseline");
  EXPECT_EQ(request->spec.view, View::kToolbox);
  EXPECT_EQ(request->spec.tools, "/tools");
  EXPECT_EQ(request->spec.cgroup_parent, "/elsewhere");
  EXPECT_EQ(request->spec.limits.pids, 17u);
  EXPECT_EQ(request->spec.deadline, seconds(60));
  EXPECT_THAT(request->spec.command, IsEmpty()) << "a shell";
}

TEST(ExecQueryTest, BooleansAreKubernetesOwn) {
  for (const char* yes : {"true", "True", "1", "", "yes"}) {
    EXPECT_TRUE(ParseExecQuery(With("stdin", yes), {})->want_stdin) << yes;
  }
  for (const char* no : {"false", "False", "FALSE", "0"}) {
    EXPECT_FALSE(ParseExecQuery(With("stdin", no), {})->want_stdin) << no;
  }
}

TEST(ExecQueryTest, ATerminalGoesWithoutStdin) {
  EXPECT_TRUE(ParseExecQuery(With("tty", "true"), {})->spec.tty);
}

TEST(ExecQueryTest, NamesTheParameterAndWhatWasExpected) {
  const std::tuple<const char*, std::string, const char*> refused[] = {
      {"follow", "1", "unknown parameter 'follow': the parameters are command, container, stdin,"},
      {"stdout", "true", "stdout: expected one value, it is given more than once"},
      {"profile", "god", "profile: unknown profile 'god': use one of general"},
      {"profile", "", "profile: unknown profile ''"},
      {"view", "tools", "view: unknown view 'tools': use toolbox, container or host"},
      {"namespaces", "net,foo", "namespaces: unknown namespace 'foo'"},
      {"namespaces", "", "namespaces: unknown namespace ''"},
      {"uid", "root", "uid: expected a whole number, got 'root'"},
      {"uid", "-1", "uid: expected a whole number, got '-1'"},
      {"gid", "4294967295", "gid: expected a whole number from 0 to 4294967294"},
      {"rows", "0", "rows: expected a whole number from 1 to 65535, got '0'"},
      {"columns", "65536", "from 1 to 65535, got '65536'"},
      {"timeoutSeconds", "0", "timeoutSeconds: expected a whole number from 1 to 3600, got '0'"},
      {"timeoutSeconds", "3601", "from 1 to 3600, got '3601'"},
      {"timeoutSeconds", "5m", "timeoutSeconds: expected a whole number, got '5m'"},
      {"workingDir", "tmp",
       "workingDir: expected an absolute path of at most 4096 bytes, got 'tmp'"},
      {"workingDir", std::string("/a\0b", 4), "workingDir: expected UTF-8 text without NUL bytes"},
      {"container", "a/b", "container: expected the name of a container of the pod, got 'a/b'"},
      {"container", std::string(254, 'a'), "container: expected the name"},
      {"command", std::string("a\0", 2), "command: expected UTF-8 text without NUL bytes"},
      {"command", "\xff", "command: expected UTF-8 text without NUL bytes"},
      {"env", "=1", "env: expected NAME=VALUE"},
      {"env", "A", "env: expected NAME=VALUE"},
      {"env", "1A=1", "env: expected NAME=VALUE"},
      {"env", "A B=1", "env: expected NAME=VALUE"},
      {"env", std::string("A=\0", 3), "env: expected UTF-8 text without NUL bytes"},
      {"stdinBase64", "", "unknown parameter 'stdinBase64'"},
      {"\x1b[2J", "", "unknown parameter '\\x1b[2J'"},
  };
  for (const auto& [name, value, reason] : refused) {
    EXPECT_THAT(ErrorOf(With(name, value)), HasSubstr(reason)) << name << "=" << value;
  }
}

TEST(ExecQueryTest, RefusesWhatContradictsItself) {
  EXPECT_THAT(ErrorOf({{"command", "true"}}),
              HasSubstr("stdin, stdout, stderr: expected at least"));
  EXPECT_THAT(ErrorOf({{"command", ""}, {"stdout", "1"}}), HasSubstr("command: expected the name"));
  EXPECT_THAT(ErrorOf({{"stdout", "1"}, {"view", "container"}, {"profile", "general"}}),
              HasSubstr("profile: expected none with the view container"));
  EXPECT_THAT(ErrorOf({{"stdout", "1"}, {"sandbox", "1"}, {"container", "app"}}),
              HasSubstr("container: expected none with sandbox"));
  EXPECT_THAT(ErrorOf({{"stdout", "1"}, {"profile", "restricted"}, {"uid", "0"}}),
              HasSubstr("profile restricted does not run as user 0"));
}

TEST(ExecQueryTest, ANodeHasNoContainers) {
  ExecDefaults defaults;
  defaults.is_node = true;
  EXPECT_EQ(ErrorOf({{"stdout", "1"}}, defaults), "");
  EXPECT_THAT(ErrorOf(With("container", "app"), defaults), HasSubstr("container: expected none"));
  EXPECT_THAT(ErrorOf(With("sandbox", "1"), defaults), HasSubstr("sandbox: expected none"));
}

TEST(ExecQueryTest, NeverRepeatsTheValueOfAVariable) {
  EXPECT_THAT(ErrorOf(With("env", "A B=hunter2")), Not(HasSubstr("hunter2")));
  EXPECT_THAT(ErrorOf(With("env", "A=hunter2\xff")), Not(HasSubstr("hunter2")));
}

TEST(ExecQueryTest, BoundsWhatGoesIntoAPlan) {
  QueryParameters many = {{"stdout", "1"}};
  for (size_t i = 0; i <= kMaxCommandArguments; ++i) many.emplace_back("command", "a");
  EXPECT_THAT(ErrorOf(many), HasSubstr("command: expected at most 1024, got '1025'"));
  many.pop_back();
  EXPECT_EQ(ErrorOf(many), "");

  EXPECT_THAT(ErrorOf({{"stdout", "1"}, {"command", std::string(kMaxCommandBytes, 'a')}}),
              HasSubstr("command: expected at most 32768 bytes of JSON"));
  EXPECT_THAT(ErrorOf(With("command", std::string(kMaxCommandBytes / kMaxEscape, '\1'))),
              HasSubstr("bytes of JSON"));
  EXPECT_THAT(ErrorOf(With("env", "A=" + std::string(kMaxEnvironmentBytes, 'a'))),
              HasSubstr("env: expected at most 16384 bytes of JSON"));
}

TEST(ExecQueryTest, TheLongestRequestIsOneMessageToNsEnter) {
  const QueryParameters query = {
      {"stdout", "1"},
      {"command", std::string((kMaxCommandBytes - 3) / kMaxEscape, '\1')},
      {"env", "A=" + std::string((kMaxEnvironmentBytes - 5) / kMaxEscape, '\1')},
      {"workingDir", "/" + std::string(kMaxPathBytes - 1, '\1')}};
  ExecDefaults defaults;
  defaults.profile = "sysadmin";
  Result<ExecRequest> request = ParseExecQuery(query, defaults);
  ASSERT_TRUE(request) << request.error().message;
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  Target target;
  target.process_spec = std::string(kPlanReserveBytes - 8192, 'a');
  Result<void> sent = SendSessionPlan(pair->first.get(), request->spec, target, {});
  ASSERT_TRUE(sent) << sent.error().message;
  Result<Message> received = ReceiveMessage(pair->second.get(), 10'000);
  ASSERT_TRUE(received) << received.error().message;
}

}  // namespace
}  // namespace nsdebug
