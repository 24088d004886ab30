#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "kubectl/kubeconfig/loading.h"

namespace nsdebug::kubectl {
namespace {

namespace fs = std::filesystem;

class LoadingTest : public testing::Test {
 protected:
  LoadingTest() {
    std::string path = fs::temp_directory_path() / "loading_test.XXXXXX";
    directory_ = ::mkdtemp(path.data());
    environment_.variables["HOME"] = directory_ + "/home";
  }
  ~LoadingTest() override { fs::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const fs::path path = directory_ + "/" + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  LoadedKubeconfig Load(const std::string& explicit_path = "") {
    Result<LoadedKubeconfig> loaded = LoadKubeconfig(explicit_path, environment_);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded.value_or(LoadedKubeconfig{});
  }

  std::string FaultOf(const std::string& explicit_path = "") {
    Result<LoadedKubeconfig> loaded = LoadKubeconfig(explicit_path, environment_);
    return loaded ? "none" : loaded.error().message;
  }

  std::string directory_;
  Environment environment_;
};

TEST_F(LoadingTest, LoadsTheFileOfTheHomeDirectory) {
  Write("home/.kube/config", "current-context: home\n");
  EXPECT_EQ(Load().config.current_context, "home");
}

TEST_F(LoadingTest, NoFileIsAnEmptyConfiguration) {
  EXPECT_TRUE(Load().config.is_empty());
  EXPECT_TRUE(Load().warnings.empty());
  environment_.variables.clear();
  EXPECT_TRUE(Load().config.is_empty());
}

TEST_F(LoadingTest, LoadsTheExplicitFileAlone) {
  Write("home/.kube/config", "users: [{name: home}]\n");
  environment_.variables["KUBECONFIG"] = Write("b", "users: [{name: b}]\n");
  const Kubeconfig config = Load(Write("a", "users: [{name: a}]\n")).config;
  EXPECT_EQ(config.users.size(), 1U);
  EXPECT_TRUE(config.users.contains("a"));
}

TEST_F(LoadingTest, AnExplicitFileMustExist) {
  const std::string path = directory_ + "/none";
  EXPECT_EQ(FaultOf(path), "kubeconfig: open " + path + ": no such file or directory");
}

TEST_F(LoadingTest, TheVariableReplacesTheHomeDirectory) {
  Write("home/.kube/config", "current-context: home\n");
  environment_.variables["KUBECONFIG"] = Write("a", "");
  EXPECT_EQ(Load().config.current_context, "");
  environment_.variables["KUBECONFIG"] = "";
  EXPECT_EQ(Load().config.current_context, "home");
}

TEST_F(LoadingTest, MergesWholeEntriesOfTheFirstFileThatHasThem) {
  const std::string a = Write("a", "users: [{name: u, user: {token: a}}]\n");
  const std::string b = Write("b",
                              "users: [{name: u, user: {token: b, username: b}}, {name: v}]\n"
                              "current-context: b\n");
  const std::string c = Write("c", "current-context: c\n");
  environment_.variables["KUBECONFIG"] = a + "::" + a + ":" + directory_ + "/none:" + b + ":" + c;
  const LoadedKubeconfig loaded = Load();
  EXPECT_EQ(loaded.config.users.at("u").token, "a");
  EXPECT_EQ(loaded.config.users.at("u").username, "");
  EXPECT_EQ(loaded.config.users.at("u").origin, a);
  EXPECT_EQ(loaded.config.users.at("v").origin, b);
  EXPECT_EQ(loaded.config.current_context, "b");
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST_F(LoadingTest, WarnsWhenAllFilesAreMissing) {
  environment_.variables["KUBECONFIG"] = "/none/a:/none/b";
  const LoadedKubeconfig loaded = Load();
  EXPECT_TRUE(loaded.config.is_empty());
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_EQ(loaded.warnings[0], "none of the files in KUBECONFIG exists: /none/a, /none/b");
}

TEST_F(LoadingTest, AFileThatCannotBeReadIsAnError) {
  environment_.variables["KUBECONFIG"] = directory_;
  EXPECT_EQ(FaultOf(), "kubeconfig: read " + directory_ + ": is a directory");
  const std::string broken = Write("broken", "users: 1\n");
  environment_.variables["KUBECONFIG"] = broken;
  EXPECT_EQ(FaultOf(), "kubeconfig: " + broken + ":1: users: expected a list, found a number");
}

TEST_F(LoadingTest, ResolvesRelativePathsAgainstTheirFile) {
  const std::string file = Write("sub/a", R"(
clusters: [{name: k, cluster: {certificate-authority: ca.pem}}]
users:
- name: u
  user: {client-certificate: ../c.pem, client-key: /k.pem, tokenFile: ./t, exec: {command: bin/x}}
- name: v
  user: {exec: {command: x}}
)");
  const Kubeconfig config = Load(file).config;
  EXPECT_EQ(config.clusters.at("k").certificate_authority, directory_ + "/sub/ca.pem");
  const User& user = config.users.at("u");
  EXPECT_EQ(user.client_certificate, directory_ + "/c.pem");
  EXPECT_EQ(user.client_key, "/k.pem");
  EXPECT_EQ(user.token_file, directory_ + "/sub/t");
  EXPECT_EQ(user.exec->command, directory_ + "/sub/bin/x");
  EXPECT_EQ(config.users.at("v").exec->command, "x");
}

TEST_F(LoadingTest, ResolvesPathsOfAFileThatIsItselfRelative) {
  Write("a", "users: [{name: u, user: {tokenFile: t}}]\n");
  const fs::path here = fs::current_path();
  fs::current_path(directory_);
  const Kubeconfig config = Load("a").config;
  fs::current_path(here);
  EXPECT_EQ(config.users.at("u").token_file, fs::canonical(directory_).string() + "/t");
}

}  // namespace
}  // namespace nsdebug::kubectl
