#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/audit/mask.h"

namespace nsdebug {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr const char* kWebToken = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl-_x";

using Command = std::vector<std::string>;

struct Case {
  Command command;
  Command expected;
};

void ExpectMasked(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(MaskCommand(c.command), c.expected) << testing::PrintToString(c.command);
  }
}

TEST(MaskTest, ValuesOfSecretOptions) {
  ExpectMasked({
      {{"app", "--password=x"}, {"app", "--password=***"}},
      {{"app", "--password", "x", "y"}, {"app", "--password", "***", "y"}},
      {{"app", "--password", "two words"}, {"app", "--password", "***"}},
      {{"app", "--password=two words; more"}, {"app", "--password=***"}},
      {{"app", "-password", "x"}, {"app", "-password", "***"}},
      {{"app", "--DB_Passwd=x"}, {"app", "--DB_Passwd=***"}},
      {{"app", "--client-secret", "x"}, {"app", "--client-secret", "***"}},
      {{"app", "--api-key=x", "--apikey=x"}, {"app", "--api-key=***", "--apikey=***"}},
      {{"app", "--private-key=x"}, {"app", "--private-key=***"}},
      {{"app", "--aws-credentials", "x"}, {"app", "--aws-credentials", "***"}},
      {{"redis-cli", "--pass", "x", "--auth=x"}, {"redis-cli", "--pass", "***", "--auth=***"}},
      // A number, not a secret: masked all the same.
      {{"app", "--tokens-per-second=5"}, {"app", "--tokens-per-second=***"}},
      // Looks like the next option.
      {{"psql", "--no-password", "-c", "select 1"}, {"psql", "--no-password", "-c", "select 1"}},
      {{"app", "--password"}, {"app", "--password"}},
      {{"app", "--password="}, {"app", "--password="}},
  });
}

TEST(MaskTest, WhatMustStay) {
  ExpectMasked({
      {{}, {}},
      {{"", " "}, {"", " "}},
      {{"ls", "-la", "/tmp"}, {"ls", "-la", "/tmp"}},
      {{"git", "log", "--author=me"}, {"git", "log", "--author=me"}},
      {{"mysql", "-psecret", "-p"}, {"mysql", "-psecret", "-p"}},
      {{"env", "PWD=/tmp", "OLDPWD=/"}, {"env", "PWD=/tmp", "OLDPWD=/"}},
      {{"kubectl", "get", "secret", "x"}, {"kubectl", "get", "secret", "x"}},
      {{"cat", "/etc/passwd"}, {"cat", "/etc/passwd"}},
      {{"curl", "https://a:8080/b@c"}, {"curl", "https://a:8080/b@c"}},
      {{"git", "clone", "ssh://git@host/x"}, {"git", "clone", "ssh://git@host/x"}},
      {{"docker", "exec", "-u", "1000:1000"}, {"docker", "exec", "-u", "1000:1000"}},
      {{"id", "-u", "root"}, {"id", "-u", "root"}},
      {{"echo", "eyJhbGciOiJIUzI1NiJ9"}, {"echo", "eyJhbGciOiJIUzI1NiJ9"}},
      {{"sh", "-c", "TOKEN= run --now"}, {"sh", "-c", "TOKEN= run --now"}},
      {{"sh", "-c", "it's 5 o'clock"}, {"sh", "-c", "it's 5 o'clock"}},
  });
}

TEST(MaskTest, Assignments) {
  ExpectMasked({
      {{"env", "TOKEN=x", "run"}, {"env", "TOKEN=***", "run"}},
      {{"env", "MYSQL_PWD=two words", "run"}, {"env", "MYSQL_PWD=***", "run"}},
      {{"psql", "host=db password=x user=me"}, {"psql", "host=db password=*** user=me"}},
      {{"psql", "host=db password='a b' user=me"}, {"psql", "host=db password='***' user=me"}},
      {{"curl", "https://h/?a=1&access_token=x&b=2"},
       {"curl", "https://h/?a=1&access_token=***&b=2"}},
      {{"python3", "-c", "api_key = 'x'; go()"}, {"python3", "-c", "api_key = '***'; go()"}},
      {{"curl", "-d", R"({"user":"me","password":"a b","n":1})"},
       {"curl", "-d", R"({"user":"me","password":"***","n":1})"}},
      {{"curl", "-d", R"({"secret": "x"})"}, {"curl", "-d", R"({"secret": "***"})"}},
  });
}

TEST(MaskTest, Headers) {
  ExpectMasked({
      {{"curl", "-H", "Authorization: Bearer abc"}, {"curl", "-H", "Authorization: Bearer ***"}},
      {{"curl", "-H", "authorization: basic dTpw"}, {"curl", "-H", "authorization: basic ***"}},
      {{"curl", "-HAuthorization: abc"}, {"curl", "-HAuthorization: ***"}},
      {{"curl", "-H", "X-Auth-Token: abc"}, {"curl", "-H", "X-Auth-Token: ***"}},
      {{"curl", "--header=X-Api-Key:abc"}, {"curl", "--header=X-Api-Key:***"}},
      {{"http", "a", "say Bearer abc"}, {"http", "a", "say Bearer ***"}},
  });
}

TEST(MaskTest, UrlsAndUsersAndWebTokens) {
  ExpectMasked({
      {{"psql", "postgres://me:x@db/a"}, {"psql", "postgres://me:***@db/a"}},
      {{"psql", "postgres://me:x@y@db"}, {"psql", "postgres://me:***@db"}},
      {{"psql", "postgres://me:x/y@db/a"}, {"psql", "postgres://me:***@db/a"}},
      {{"redis-cli", "-u", "redis://:x@h"}, {"redis-cli", "-u", "redis://:***@h"}},
      {{"x", "http://a:b@c,http://d:e@f"}, {"x", "http://a:***@c,http://d:***@f"}},
      {{"curl", "-u", "me:x", "h"}, {"curl", "-u", "me:***", "h"}},
      {{"curl", "--user", "me:x"}, {"curl", "--user", "me:***"}},
      {{"curl", "--user=me:x", "-ume:x"}, {"curl", "--user=me:***", "-ume:***"}},
      {{"echo", kWebToken}, {"echo", "***"}},
      {{"echo", std::string("a=") + kWebToken + ",b"}, {"echo", "a=***,b"}},
  });
}

TEST(MaskTest, WithinAScript) {
  ExpectMasked({
      {{"sh", "-c", "app --password x && ls"}, {"sh", "-c", "app --password *** && ls"}},
      {{"sh", "-c", "app --password 'a b' y"}, {"sh", "-c", "app --password '***' y"}},
      {{"sh", "-c", "app --password=a\\ b y"}, {"sh", "-c", "app --password=*** y"}},
      {{"sh", "-c", "TOKEN=x; rm -rf /"}, {"sh", "-c", "TOKEN=***; rm -rf /"}},
      {{"bash", "-ec", "TOKEN=\"x y\" run"}, {"bash", "-ec", "TOKEN=\"***\" run"}},
      {{"sh", "-c", "curl -u me:x h"}, {"sh", "-c", "curl -u me:*** h"}},
      {{"sh", "-c", "curl -u 'me:x y' h"}, {"sh", "-c", "curl -u 'me:***' h"}},
      {{"sh", "-c", "curl -H 'Authorization: Bearer x' h | sh"},
       {"sh", "-c", "curl -H 'Authorization: Bearer ***' h | sh"}},
      {{"sh", "-c", "curl -H \"X-Token: x\" h"}, {"sh", "-c", "curl -H \"X-Token: ***\" h"}},
      {{"sh", "-c", "su -c 'app --token x' me"}, {"sh", "-c", "su -c 'app --token ***' me"}},
      {{"sh", "-c", R"(curl -d "{\"password\":\"a b\",\"n\":1}" h)"},
       {"sh", "-c", R"(curl -d "{\"password\":\"***\",\"n\":1}" h)"}},
      {{"sh", "-c", "export A=1\nexport SECRET=x\nrun"},
       {"sh", "-c", "export A=1\nexport SECRET=***\nrun"}},
  });
}

TEST(MaskTest, IsBoundedAndSaysWhatItCut) {
  EXPECT_THAT(
      MaskCommand({std::string(10'000, 'x'), "y", "z"}),
      ElementsAre(std::string(kMaxAuditCommandBytes, 'x') + "...", "... (2 more arguments)"));
  const Command masked = MaskCommand(Command(10'000, ""));
  ASSERT_THAT(masked, SizeIs(kMaxAuditArguments + 1));
  EXPECT_EQ(masked.back(), "... (9744 more arguments)");
  // Cut before a character, not within.
  EXPECT_THAT(MaskCommand({std::string(kMaxAuditCommandBytes - 1, 'x') + "\xc3\xa4y"}),
              ElementsAre(std::string(kMaxAuditCommandBytes - 1, 'x') + "..."));
  // A token across the cut is masked first.
  EXPECT_THAT(MaskCommand({std::string(kMaxAuditCommandBytes - 10, ' ') + kWebToken}),
              ElementsAre(std::string(kMaxAuditCommandBytes - 10, ' ') + "***"));
}

TEST(MaskTest, LargeAndHostileTextsTakeNoTime) {
  constexpr size_t kMany = 200'000;
  for (const char* part :
       {"=", ":", "'", "\"", "\\", "token=", "--token ", "eyJ", "eyJ.", "://", "://a:", "bearer ",
        "-u ", "\\\"", "\xff", "token=\\\"", "token: '", "token:\"", "a://b "}) {
    std::string text;
    while (text.size() < kMany) text += part;
    MaskCommand({"sh", "-c", text});
  }
}

TEST(MaskTest, AnyBytesAreTaken) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  MaskCommand({all, "--token", all});
  EXPECT_EQ(MaskText("--token \xff\xfe y"), "--token *** y");
}

}  // namespace
}  // namespace nsdebug
