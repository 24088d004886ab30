#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "agent/config/options.h"
#include "base/io.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class OptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = testing::TempDir() + "agent-options-XXXXXX";
    UniqueFd fd(::mkostemp(file_.data(), O_CLOEXEC));
    ASSERT_TRUE(fd.valid());
  }
  void TearDown() override { ::unlink(file_.c_str()); }

  void WriteConfig(const std::string& text) {
    Result<UniqueFd> fd = Open(file_, O_WRONLY | O_TRUNC);
    ASSERT_TRUE(fd);
    ASSERT_TRUE(WriteAll(fd->get(), text, file_));
  }

  CommandLine Read(std::vector<std::string> arguments) {
    return ReadCommandLine(arguments,
                           [this](const std::string& name) -> std::optional<std::string> {
                             const auto found = environment_.find(name);
                             if (found == environment_.end()) return std::nullopt;
                             return found->second;
                           });
  }

  std::string file_;
  std::map<std::string, std::string> environment_ = {{"NODE_NAME", "node-1"}};
};

TEST_F(OptionsTest, NoOptionsAreTheDefaults) {
  const CommandLine line = Read({});
  EXPECT_TRUE(line.run);
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_EQ(line.config.server.port, 8443);
  EXPECT_EQ(line.config.node_name, "node-1");
  EXPECT_THAT(line.out + line.err, IsEmpty());
}

TEST_F(OptionsTest, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  WriteConfig("nodeName: from-file\nserver: {port: 1}\nhealth: {port: 2}\nlog: {level: error}\n");
  environment_ = {{"NODE_NAME", "from-environment"},
                  {"NS_DEBUG_CONFIG", file_},
                  {"NS_DEBUG_LISTEN", "10.0.0.1:3"},
                  {"NS_DEBUG_HEALTH_LISTEN", ""}};
  CommandLine line = Read({"--node-name=from-flag"});
  ASSERT_TRUE(line.run) << line.err;
  EXPECT_EQ(line.config.node_name, "from-flag");
  EXPECT_EQ(line.config.server.address, "10.0.0.1");
  EXPECT_EQ(line.config.server.port, 3);
  EXPECT_EQ(line.config.health.port, 2);
  EXPECT_EQ(line.config.log.level, "error");
  line = Read({"--listen", "[::1]:4", "--health-listen", "0.0.0.0:5", "--log-level", "debug",
               "--standalone"});
  ASSERT_TRUE(line.run) << line.err;
  EXPECT_EQ(line.config.node_name, "from-environment");
  EXPECT_EQ(line.config.server.address, "::1");
  EXPECT_EQ(line.config.server.port, 4);
  EXPECT_EQ(line.config.health.port, 5);
  EXPECT_EQ(line.config.log.level, "debug");
  EXPECT_TRUE(line.config.standalone);
}

TEST_F(OptionsTest, TheHostsNameIsTheLastResort) {
  environment_.clear();
  const CommandLine line = Read({});
  ASSERT_TRUE(line.run) << line.err;
  EXPECT_FALSE(line.config.node_name.empty());
}

TEST_F(OptionsTest, CheckConfigSaysOkOrEverything) {
  CommandLine line = Read({"--check-config"});
  EXPECT_FALSE(line.run);
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_EQ(line.out, "ok\n");

  WriteConfig("server:\n  prot: 1\nsession: {maxSessions: 1}\n");
  line = Read({"--check-config", "--config", file_, "--log-level=loud", "--listen=localhost:1"});
  EXPECT_FALSE(line.run);
  EXPECT_EQ(line.exit_code, kExitUsage);
  EXPECT_THAT(line.out, IsEmpty());
  EXPECT_THAT(line.err, HasSubstr(file_ + ":2: server.prot: unknown key"));
  EXPECT_THAT(line.err, HasSubstr("--log-level: 'loud' is not one of debug"));
  EXPECT_THAT(line.err, HasSubstr("--listen: 'localhost' is not an IP address"));
  EXPECT_THAT(line.err, HasSubstr("session.maxSessionsPerUser: 50 is more than"));
  EXPECT_EQ(std::count(line.err.begin(), line.err.end(), '\n'), 4);
}

TEST_F(OptionsTest, AProblemKeepsTheAgentFromStarting) {
  const CommandLine line = Read({"--config", "/nonexistent/a.yaml"});
  EXPECT_FALSE(line.run);
  EXPECT_EQ(line.exit_code, kExitUsage);
  EXPECT_EQ(line.err, "ns-debug-agent: open /nonexistent/a.yaml: no such file or directory\n");
}

TEST_F(OptionsTest, WrongUsageIsToldInOneLineWithTheWayOut) {
  const std::vector<std::vector<std::string>> cases = {
      {"--bogus"}, {"serve"}, {"--config"}, {"--listen=a:1", "--listen=b:2"}};
  for (const auto& arguments : cases) {
    const CommandLine line = Read(arguments);
    EXPECT_FALSE(line.run);
    EXPECT_EQ(line.exit_code, kExitUsage);
    EXPECT_THAT(line.err, HasSubstr("\nTry 'ns-debug-agent --help'.\n")) << arguments[0];
    EXPECT_EQ(std::count(line.err.begin(), line.err.end(), '\n'), 2) << line.err;
  }
}

TEST_F(OptionsTest, ListenNeedsBracketsAroundColonsOnly) {
  for (const char* text : {"::1:80", "1.2.3.4", "[1.2.3.4]:80", "", ":80", "[::1]", "1.2.3.4:x"}) {
    const CommandLine line = Read({std::string("--listen=") + text});
    EXPECT_FALSE(line.run) << text;
    EXPECT_THAT(line.err, HasSubstr("--listen: ")) << text;
  }
}

TEST_F(OptionsTest, HelpAndVersionLookAtNothingElse) {
  environment_["NS_DEBUG_CONFIG"] = "/nonexistent";
  CommandLine line = Read({"--help"});
  EXPECT_FALSE(line.run);
  EXPECT_EQ(line.exit_code, 0);
  for (const char* word :
       {"--config FILE", "--check-config", "--standalone", "--listen", "--health-listen",
        "--node-name", "--log-level", "--version", "NODE_NAME", "NS_DEBUG_LISTEN"}) {
    EXPECT_THAT(line.out, HasSubstr(word));
  }
  line = Read({"--version"});
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_EQ(line.out, "ns-debug-agent " NS_DEBUG_VERSION "\n");
}

}  // namespace
}  // namespace nsdebug
