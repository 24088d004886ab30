#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "agent/auth/keyed_digest.h"
#include "agent/auth/static_tokens.h"
#include "tests/fake_api_server/fake_api_server.h"

namespace nsdebug {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kToken = "secret-token-of-alice";
const std::string kRules =
    R"("rules":[{"verbs":["create"],"resources":["pods/exec"],"namespaces":["bank"]},)"
    R"({"verbs":["use"],"resources":["profiles"],"names":["general"]}])";

std::string Entry(const std::string& user, const std::string& token,
                  const std::string& rules = kRules) {
  return R"({"token":")" + token + R"(","user":")" + user + R"(","groups":["ops"],)" + rules + "}";
}

Attributes Question(const std::string& verb, const std::string& resource,
                    const std::string& subresource = "", const std::string& in = "",
                    const std::string& name = "") {
  return {.verb = verb,
          .group = kApiGroup,
          .resource = resource,
          .subresource = subresource,
          .resource_namespace = in,
          .name = name};
}

class StaticTokensTest : public testing::Test {
 protected:
  StaticTokensTest() { Write("[" + Entry("alice", kToken) + "]"); }

  void Write(const std::string& text, unsigned mode = 0600) {
    directory_.Write("tokens", text, mode);
  }

  Result<std::optional<Identity>> Authenticate(const std::string& token) {
    return tokens_.Authenticate({.certificates = {}, .bearer_token = token});
  }

  bool Allows(const Attributes& attributes, const std::string& user = "alice") {
    return tokens_.Authorize({.user = user, .uid = "", .groups = {}, .extra = {}}, attributes)
        .has_value();
  }

  // What is wrong with a file of this text.
  std::string Fault(const std::string& text) {
    Write(text);
    Result<void> good = tokens_.Check();
    return good ? "no error" : good.error().message;
  }

  TestDirectory directory_;
  StaticTokens tokens_{directory_.Path("tokens"), milliseconds(0)};
};

TEST_F(StaticTokensTest, KnowsItsTokens) {
  ASSERT_TRUE(tokens_.Check());
  auto identity = Authenticate(kToken);
  ASSERT_TRUE(identity && *identity);
  EXPECT_EQ((*identity)->user, "alice");
  EXPECT_THAT((*identity)->groups, ElementsAre("ops", "system:authenticated"));
  auto none = Authenticate("");
  EXPECT_TRUE(none && !*none);
  for (const std::string& wrong :
       {kToken + "x", kToken.substr(1), std::string("x"), std::string(100'000, 'x')}) {
    auto refused = Authenticate(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  }
}

TEST_F(StaticTokensTest, TakesTheHashOfAToken) {
  std::string hash = Hexadecimal(*Sha256(kToken));
  Write(R"([{"sha256":")" + hash + R"(","user":"alice","rules":[]}])");
  auto identity = Authenticate(kToken);
  EXPECT_TRUE(identity && *identity);
  EXPECT_FALSE(Authenticate(hash));
}

TEST_F(StaticTokensTest, AllowsWhatARuleOfTheUserAllows) {
  EXPECT_TRUE(Allows(Question("create", "pods", "exec", "bank", "web")));
  EXPECT_TRUE(Allows(Question("use", "profiles", "", "", "general")));
  for (const Attributes& other :
       {Question("create", "pods", "exec", "shop", "web"), Question("create", "pods", "exec"),
        Question("get", "pods", "exec", "bank"), Question("create", "pods", "", "bank"),
        Question("create", "nodes", "exec", "bank"), Question("use", "profiles"),
        Question("use", "profiles", "", "", "sysadmin"), Question("", "", "", "bank")}) {
    EXPECT_FALSE(Allows(other));
  }
  Attributes other_group = Question("create", "pods", "exec", "bank");
  other_group.group = "";
  EXPECT_FALSE(Allows(other_group));
  EXPECT_FALSE(Allows(Question("create", "pods", "exec", "bank"), "bob"));
}

TEST_F(StaticTokensTest, AStarAllowsAll) {
  Write("[" +
        Entry("alice", kToken, R"("rules":[{"verbs":["*"],"resources":["*"],"names":["*"]}])") +
        "]");
  EXPECT_TRUE(Allows(Question("create", "pods", "exec", "bank", "web")));
  EXPECT_TRUE(Allows(Question("list", "sessions")));
  // Not a pattern.
  Write("[" + Entry("alice", kToken, R"("rules":[{"verbs":["*"],"resources":["pods/*"]}])") + "]");
  EXPECT_FALSE(Allows(Question("create", "pods", "exec", "bank", "web")));
}

TEST_F(StaticTokensTest, SaysADenialAsKubectlDoes) {
  auto denied = tokens_.Authorize({.user = "bob", .uid = "", .groups = {}, .extra = {}},
                                  Question("create", "nodes", "exec", "", "n1"));
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::kPermissionDenied);
  EXPECT_THAT(denied.error().message,
              HasSubstr(R"(user "bob" cannot create resource "nodes/exec" in API group)"));
}

TEST_F(StaticTokensTest, NamesTheEntryOfAFaultAndNeverAToken) {
  const std::string good = Entry("alice", kToken);
  struct Case {
    std::string entry;
    const char* fault;
  };
  std::string twice = good;
  for (const Case& c :
       {Case{"7", "not an object"},
        Case{Entry("bob", kToken, R"("rules":[],"secret-token":1)"),
             "a key that is none of token, "},
        Case{Entry("bob", "secret-short", R"("rules":[])"), "token is not a text of 16"},
        Case{R"({"token":7,"user":"bob","rules":[]})", "token is not a text"},
        Case{R"({"user":"bob","rules":[]})", "one of token and sha256"},
        Case{Entry("bob", kToken, R"("rules":[],"sha256":"00")"), "one of token and sha256"},
        Case{R"({"sha256":"secret","user":"bob","rules":[]})", "64 digits"},
        Case{Entry("", kToken), "user is not a text"},
        Case{Entry("alice", kToken + "2"), "its user is that of an entry before it"},
        Case{Entry("bob", kToken, R"("x":1)"), "a key that is none"},
        Case{Entry("bob", kToken, R"("rules":{})"), "rules is not a list"},
        Case{Entry("bob", kToken, R"("rules":[{"verbs":["get"]}])"), "rule 0: it lacks"},
        Case{Entry("bob", kToken,
                   R"("rules":[{"verbs":["get"],"resources":["pods"],"name":["x"]}])"),
             "rule 0: it has a key that is none of verbs, resources, names, namespaces"},
        Case{Entry("bob", kToken, R"("rules":[{"verbs":["get"],"resources":["pods"],"names":[]}])"),
             "rule 0: names is not a list of texts, with at least one"},
        Case{Entry("bob", kToken, R"("rules":[{"verbs":"get","resources":["pods"]}])"),
             "rule 0: verbs is not a list"},
        Case{Entry("bob", kToken, R"("rules":[{"verbs":["get",1],"resources":["pods"]}])"),
             "rule 0: verbs is not a list"}}) {
    EXPECT_THAT(Fault("[" + good + "," + c.entry + "]"),
                AllOf(HasSubstr("entry 1: "), HasSubstr(c.fault), Not(HasSubstr("secret"))))
        << c.entry;
    EXPECT_EQ(Authenticate(kToken).error().code, Code::kUnavailable);
    EXPECT_FALSE(Allows(Question("create", "pods", "exec", "bank")));
  }
  for (const char* text : {"", "{}", "[{]", "secret", "[\"secret\",\xff]"}) {
    EXPECT_THAT(Fault(text), Not(HasSubstr("secret"))) << text;
    EXPECT_FALSE(tokens_.Check());
  }
}

TEST_F(StaticTokensTest, IsReadAgainAndFailsClosedInBetween) {
  ASSERT_TRUE(Authenticate(kToken));
  Write("[");
  EXPECT_EQ(Authenticate(kToken).error().code, Code::kUnavailable);
  Write("[" + Entry("alice", kToken + "-next") + "]");
  EXPECT_EQ(Authenticate(kToken).error().code, Code::kUnauthenticated);
  EXPECT_TRUE(Authenticate(kToken + "-next"));
  ::unlink(directory_.Path("tokens").c_str());
  EXPECT_EQ(Authenticate(kToken + "-next").error().code, Code::kUnavailable);
}

TEST_F(StaticTokensTest, RefusesAFileThatOthersMayRead) {
  for (unsigned mode : {0640u, 0604u, 0660u, 0602u, 0777u}) {
    Write("[" + Entry("alice", kToken) + "]", mode);
    EXPECT_THAT(tokens_.Check().error().message, HasSubstr("chmod 0600")) << mode;
  }
  Write("[" + Entry("alice", kToken) + "]", 0400);
  EXPECT_TRUE(tokens_.Check());
  ::chmod(directory_.Path("tokens").c_str(), 0644);
  EXPECT_FALSE(tokens_.Check());
}

TEST_F(StaticTokensTest, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: chown";
  ASSERT_EQ(::chown(directory_.Path("tokens").c_str(), 65534, 65534), 0);
  EXPECT_THAT(tokens_.Check().error().message, HasSubstr("must belong to root"));
}

TEST_F(StaticTokensTest, ReadsOnlyRegularFiles) {
  ::unlink(directory_.Path("tokens").c_str());
  ASSERT_EQ(::mkfifo(directory_.Path("tokens").c_str(), 0600), 0);
  EXPECT_THAT(tokens_.Check().error().message, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace nsdebug
