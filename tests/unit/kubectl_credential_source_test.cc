#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "kubectl/kubeconfig/credential_source.h"

namespace nsdebug::kubectl {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using Time = std::chrono::system_clock::time_point;

class CredentialSourceTest : public testing::Test {
 protected:
  CredentialSourceTest() {
    std::string path = fs::temp_directory_path() / "credential_test.XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~CredentialSourceTest() override { fs::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0755);
    return path;
  }

  CredentialSource Source() {
    return CredentialSource(spec_, {Environment::OfProcess(), false}, [this] { return now_; });
  }

  /// A plugin whose tokens count how often it ran, and expire at 1970-01-01T01:00:00Z.
  void UsePlugin() {
    const std::string path = Write("plugin", R"(#!/bin/sh
echo x >> "$0.runs"
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
printf '"status":{"token":"t%s","expirationTimestamp":"1970-01-01T01:00:00Z"}}' $(wc -l < "$0.runs")
)");
    spec_.exec = ExecConfig{"client.authentication.k8s.io/v1", path, {}, {}, "", false, "Never"};
  }

  static std::string TokenOf(CredentialSource& source) {
    Result<Credential> credential = source.Get();
    return credential ? credential->token : credential.error().message;
  }

  std::string directory_;
  CredentialSpec spec_;
  Time now_{seconds(1000)};
};

TEST_F(CredentialSourceTest, HandsOutWhatIsWrittenDown) {
  spec_.token = "t";
  spec_.certificate_pem = "C";
  spec_.key_pem = "K";
  CredentialSource source = Source();
  Result<Credential> credential = source.Get();
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->token, "t");
  EXPECT_EQ(credential->certificate_pem, "C");
  EXPECT_EQ(credential->key_pem, "K");
}

TEST_F(CredentialSourceTest, NobodyInParticularIsNoError) {
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source), "");
}

TEST_F(CredentialSourceTest, ReadsTheTokenFileAgainAfterAMinute) {
  spec_.token_file = Write("token", " one\n");
  spec_.token = "written";
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source), "one");
  Write("token", "two");
  now_ += seconds(59);
  EXPECT_EQ(TokenOf(source), "one");
  now_ += seconds(1);
  EXPECT_EQ(TokenOf(source), "two");
}

TEST_F(CredentialSourceTest, KeepsTheOldTokenWhenTheFileIsGone) {
  spec_.token_file = Write("token", "one");
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source), "one");
  fs::remove(spec_.token_file);
  now_ += seconds(600);
  EXPECT_EQ(TokenOf(source), "one");
}

TEST_F(CredentialSourceTest, FallsBackToTheTokenWhenTheFileWasNeverThere) {
  spec_.token_file = directory_ + "/none";
  spec_.token = "written";
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source), "written");
  spec_.token.clear();
  CredentialSource without = Source();
  EXPECT_EQ(TokenOf(without),
            "tokenFile: open " + spec_.token_file + ": no such file or directory");
  Write("none", "\n");
  EXPECT_EQ(TokenOf(without), "tokenFile " + spec_.token_file + ": it is empty");
}

TEST_F(CredentialSourceTest, RefusesATokenThatWouldBreakAHeader) {
  spec_.token = "a\r\nX: b";
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source),
            "the token has spaces, control characters or others that no token has");
}

TEST_F(CredentialSourceTest, RunsThePluginOnceUntilItsAnswerExpires) {
  UsePlugin();
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source), "t1");
  now_ = Time(seconds(3600));
  EXPECT_EQ(TokenOf(source), "t1");
  now_ = Time(seconds(3601));
  EXPECT_EQ(TokenOf(source), "t2");
}

TEST_F(CredentialSourceTest, RunsThePluginAgainWhenTheServerRefused) {
  UsePlugin();
  CredentialSource source = Source();
  const Result<Credential> first = source.Get();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->token, "t1");
  source.Reject(*first);
  EXPECT_EQ(TokenOf(source), "t2");
  // Another connection with the same answer is refused, too.
  source.Reject(*first);
  EXPECT_EQ(TokenOf(source), "t2");
}

TEST_F(CredentialSourceTest, RunsNoPluginWhenThereIsAToken) {
  UsePlugin();
  spec_.token = "t";
  CredentialSource source = Source();
  EXPECT_EQ(TokenOf(source), "t");
  EXPECT_FALSE(fs::exists(directory_ + "/plugin.runs"));
}

}  // namespace
}  // namespace nsdebug::kubectl
