#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/exec/exec_request.h"

namespace nsdebug {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// What is wrong with a body; empty when nothing is.
std::string ErrorOf(std::string_view body, const ExecDefaults& defaults = {}) {
  Result<ExecRequest> request = ParseExecBody(body, defaults);
  if (request) return "";
  EXPECT_EQ(request.error().code, Code::kInvalidArgument);
  return request.error().message;
}

TEST(ExecBodyTest, TakesEveryField) {
  Result<ExecRequest> request = ParseExecBody(
      R"({"command":["ss","-tlnp"],"container":"app","stdin":"in\u0000put","profile":"netadmin",)"
      R"("view":"toolbox","namespaces":["net","pid"],"sandbox":false,"uid":1000,"gid":2000,)"
      R"("workingDir":"/tmp","env":["K=V"],"timeoutSeconds":10,"maxOutputBytes":4096})",
      {});
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_THAT(request->spec.command, ElementsAre("ss", "-tlnp"));
  EXPECT_EQ(request->container, "app");
  EXPECT_EQ(request->stdin_data, std::string("in\0put", 6));
  EXPECT_EQ(request->spec.profile->name, "netadmin");
  EXPECT_EQ(request->spec.view, View::kToolbox);
  EXPECT_EQ(request->spec.namespaces, CLONE_NEWNET | CLONE_NEWPID);
  EXPECT_FALSE(request->sandbox);
  EXPECT_EQ(request->spec.uid, 1000u);
  EXPECT_EQ(request->spec.gid, 2000u);
  EXPECT_EQ(request->spec.working_directory, "/tmp");
  EXPECT_THAT(request->spec.environment, ElementsAre("K=V"));
  EXPECT_EQ(request->spec.deadline, seconds(10));
  EXPECT_EQ(request->max_output_bytes, 4096u);
  EXPECT_TRUE(request->want_stdin);
  EXPECT_TRUE(request->want_stdout);
  EXPECT_TRUE(request->want_stderr);
  EXPECT_FALSE(request->spec.tty);
}

TEST(ExecBodyTest, ACommandIsEnough) {
  ExecDefaults defaults;
  defaults.max_output_bytes = 5;
  Result<ExecRequest> request = ParseExecBody(R"({"command":["true"]})", defaults);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_FALSE(request->want_stdin);
  EXPECT_EQ(request->max_output_bytes, 5u);
  EXPECT_EQ(request->spec.deadline, defaults.max_duration);
  EXPECT_EQ(request->spec.namespaces, kSessionNamespaces);
}

TEST(ExecBodyTest, StdinMayBeBytes) {
  EXPECT_EQ(ParseExecBody(R"({"command":["cat"],"stdinBase64":"/wA="})", {})->stdin_data,
            std::string("\xff\0", 2));
}

TEST(ExecBodyTest, NamesTheFieldAndWhatWasExpected) {
  const std::pair<const char*, const char*> refused[] = {
      {R"("tty":true)", "unknown field 'tty': the fields are command, container, stdin,"},
      {R"("command":["b"])", "command: expected one value, it is given twice"},
      {R"("env":"A=1")", "env: expected an array of strings, got 'string'"},
      {R"("env":[1])", "env: expected an array of strings, got 'number'"},
      {R"("env":null)", "env: expected an array of strings, got 'null'"},
      {R"("container":7)", "container: expected a string, got 'number'"},
      {R"("stdin":true)", "stdin: expected a string, got 'boolean'"},
      {R"("stdin":"","stdinBase64":"")", "stdin: expected either it or stdinBase64, not both"},
      {R"("stdinBase64":"Zg")", "stdinBase64: expected standard base64 with its padding"},
      {R"("namespaces":"net")", "namespaces: expected an array of strings"},
      {R"("namespaces":[])", "namespaces: expected at least one namespace"},
      {R"("namespaces":["foo"])", "namespaces: unknown namespace 'foo'"},
      {R"("sandbox":1)", "sandbox: expected true or false, got 'number'"},
      {R"("uid":"0")", "uid: expected a whole number, got 'string'"},
      {R"("uid":-1)", "uid: expected a whole number, got '-1'"},
      {R"("uid":1.5)", "uid: expected a whole number, got '1.5'"},
      {R"("gid":4294967295)", "gid: expected a whole number from 0 to 4294967294"},
      {R"("timeoutSeconds":18446744073709551615)", "from 1 to 3600, got '18446744073709551615'"},
      {R"("maxOutputBytes":4194305)", "maxOutputBytes: expected a whole number from 0 to 4194304"},
      {R"("workingDir":"/a\u0000")", "workingDir: expected UTF-8 text without NUL bytes"},
      {R"("view":"container","profile":"general")", "profile: expected none with"},
      {R"("profile":"restricted","uid":0)", "profile restricted does not run as user 0"},
  };
  for (const auto& [field, reason] : refused) {
    EXPECT_THAT(ErrorOf(fmt::format(R"({{"command":["a"],{}}})", field)), HasSubstr(reason))
        << field;
  }
}

TEST(ExecBodyTest, RefusesWhatIsNoRequest) {
  EXPECT_EQ(ErrorOf(""), "body: expected a JSON object, got 'a syntax error at byte 1'");
  EXPECT_THAT(ErrorOf(R"({"command":["a"]} x)"), HasSubstr("a syntax error at byte"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("body: expected a JSON object, got 'array'"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("command: expected at least the name of a program"));
  EXPECT_THAT(ErrorOf(R"({"command":[]})"), HasSubstr("command: expected at least the name"));
  EXPECT_THAT(ErrorOf(R"({"command":[""]})"), HasSubstr("command: expected the name of a program"));
  EXPECT_THAT(ErrorOf(R"({"command":["a\u0000"]})"), HasSubstr("without NUL"));
  EXPECT_THAT(ErrorOf("{\"command\":[\"a\xff\"]}"), HasSubstr("a syntax error at byte"));
  EXPECT_THAT(ErrorOf(std::string(kMaxExecBodyBytes + 1, ' ')),
              HasSubstr("body: expected at most"));
  EXPECT_THAT(ErrorOf(std::string(1 << 20, '[')), HasSubstr("body: expected a JSON object"));
}

TEST(ExecBodyTest, NeverRepeatsASecret) {
  for (const char* body :
       {R"({"command":["a"],"stdin":"hunter2)", R"({"command":["a"],"env":["A B=hunter2"]})",
        R"({"command":["a"],"stdinBase64":"hunter2"})",
        R"({"command":["a"],"env":{"A":"hunter2"}})"}) {
    EXPECT_THAT(ErrorOf(body), Not(HasSubstr("hunter2"))) << body;
    EXPECT_NE(ErrorOf(body), "");
  }
}

}  // namespace
}  // namespace nsdebug
