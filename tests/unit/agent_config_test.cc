#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/check.h"
#include "agent/config/config_file.h"
#include "agent/config/field.h"
#include "base/io.h"

namespace nsdebug {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kName = "agent.yaml";

Problems Read(const std::string& text) {
  Settings settings;
  return ReadConfigText(text, kName, settings);
}

TEST(ConfigFileTest, AnEmptyFileIsTheDefaults) {
  Settings settings;
  EXPECT_THAT(ReadConfigText("", kName, settings), IsEmpty());
  EXPECT_THAT(ReadConfigText("# nothing\nserver:\n  # port: 1\n", kName, settings), IsEmpty());
  EXPECT_EQ(ShowConfig(settings.config), ShowConfig(Config{}));
  EXPECT_THAT(settings.origins, IsEmpty());
}

TEST(ConfigFileTest, ReadsEveryKindOfValueAndWhereItStood) {
  Settings settings;
  const std::string text =
      "standalone: true\n"
      "server: {address: '::1', port: 9443, maxBodyBytes: 1Mi, requestTimeout: 1m30s}\n"
      "auth:\n"
      "  audiences: [a, b]\n"
      "session:\n"
      "  limits: {cpus: 500m, memory: 64Mi}\n"
      "  defaultProfile: netadmin\n";
  ASSERT_THAT(ReadConfigText(text, kName, settings), IsEmpty());
  const Config& config = settings.config;
  EXPECT_TRUE(config.standalone);
  EXPECT_EQ(config.server.address, "::1");
  EXPECT_EQ(config.server.port, 9443);
  EXPECT_EQ(config.server.max_body_bytes, uint64_t{1} << 20);
  EXPECT_EQ(config.server.request_timeout, std::chrono::seconds(90));
  EXPECT_THAT(config.auth.audiences, ElementsAre("a", "b"));
  EXPECT_EQ(config.session.limits.cpu_millis, 500);
  EXPECT_EQ(config.session.limits.memory_bytes, uint64_t{64} << 20);
  EXPECT_EQ(config.session.default_profile, "netadmin");
  EXPECT_EQ(settings.origins.at("server.port"), "agent.yaml:2");
  EXPECT_EQ(settings.origins.at("session.defaultProfile"), "agent.yaml:7");
}

TEST(ConfigFileTest, TellsEveryProblemAtOnceWithItsLine) {
  const std::string text =
      "servr: {}\n"
      "server:\n"
      "  port: 70000\n"
      "  port: 80\n"
      "  threads:\n"
      "health: 8081\n"
      "session:\n"
      "  defaultProfile: root\n"
      "  maxDuration: 1y\n"
      "  limits: {cpu: 1}\n"
      "auth: {audiences: x, apiServer: {url: 'https://me:hunter2@api'}}\n";
  EXPECT_THAT(
      Read(text),
      ElementsAre(
          "agent.yaml:1: servr: unknown key, expected one of nodeName, standalone, stateDirectory, "
          "server, health, runtime, auth, session, audit, log",
          "agent.yaml:3: server.port: '70000' is not a port from 1 to 65535, or 0 for any that is "
          "free",
          "agent.yaml:4: server.port: duplicate key, expected it once: it is in line 3 already",
          "agent.yaml:5: server.threads: no value, expected a number from 1 to 64",
          "agent.yaml:6: health: expected keys and values: address, port",
          "agent.yaml:8: session.defaultProfile: 'root' is not one of general, baseline, "
          "restricted, netadmin, sysadmin",
          "agent.yaml:9: session.maxDuration: '1y' is not a duration from 1s to 168h",
          "agent.yaml:10: session.limits.cpu: unknown key, expected one of memory, pids, cpus",
          "agent.yaml:11: auth.audiences: not a list, expected a list of at most 16 texts that are "
          "not empty",
          "agent.yaml:11: auth.apiServer.url: the value is not empty or https://HOST[:PORT] "
          "without a user, a path or a query"));
}

struct BadCase {
  const char* text;
  const char* part;
};

TEST(ConfigFileTest, RefusesWhatIsNotAPlainTreeOfKeys) {
  const BadCase cases[] = {
      {"server: {port: 1", "agent.yaml:1: not YAML that can be read"},
      {"a:\n\tb: 1\n", "agent.yaml:2: not YAML that can be read"},
      {"- server\n", "agent.yaml:1: the file: expected keys and values"},
      {"just a text\n", "agent.yaml:1: the file: expected keys and values"},
      {"server: {}\n---\nserver: {}\n", "a second document, expected one only"},
      {"audit: &a {path: '-'}\n", "agent.yaml:1: not YAML that can be read: anchors and aliases"},
      {"audit: *a\n", "agent.yaml:1: not YAML that can be read: "},
      {"audit: {path: !!binary aGk=}\n", "tags (!) are not used here"},
      {"? [a]\n: 1\n", "a key that is not a word"},
      {"server: {port: [1]}\n", "server.port: not a single value"},
      {"auth: {audiences: [{a: b}]}\n", "auth.audiences: the value is not a list"},
      {"auth: {audiences: ['']}\n", "auth.audiences: the value is not a list"},
      {"\"server\\x1b\": 1\n", "server\\x1b: unknown key"},
  };
  for (const BadCase& bad : cases) {
    EXPECT_THAT(Read(bad.text), ElementsAre(HasSubstr(bad.part))) << bad.text;
  }
}

TEST(ConfigFileTest, BombsAreHarmless) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    bomb += fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n", c,
                        static_cast<char>(c - 1));
  }
  EXPECT_THAT(Read(bomb), ElementsAre(HasSubstr("anchors and aliases")));
  EXPECT_THAT(Read(std::string(100'000, '[')), SizeIs(1));
  EXPECT_THAT(Read("a: " + std::string(20, '[') + std::string(20, ']')),
              ElementsAre(HasSubstr("nested too deep")));
  std::string keys;
  for (int i = 0; i < 1000; ++i) keys += fmt::format("k{}: 1\n", i);
  const Problems problems = Read(keys);
  ASSERT_THAT(problems, SizeIs(kMaxProblems + 1));
  EXPECT_EQ(problems.back(), "agent.yaml: and 950 more problems");
}

TEST(ConfigFileTest, BoundsTheFile) {
  Settings settings;
  EXPECT_THAT(ReadConfigFile("/nonexistent/agent.yaml", settings),
              ElementsAre("open /nonexistent/agent.yaml: no such file or directory"));
  EXPECT_THAT(ReadConfigFile("/dev/zero", settings),
              ElementsAre(fmt::format("read /dev/zero: more than {} bytes", kMaxConfigFileBytes)));
}

struct RangeCase {
  const char* key;
  std::vector<const char*> good;
  std::vector<const char*> bad;
};

TEST(FieldTest, EachKindHasItsBounds) {
  const RangeCase cases[] = {
      {"nodeName", {"", "node-1.example"}, {"-a", ".a", "a b", "a/b"}},
      {"standalone", {"true", "false"}, {"yes", "True", ""}},
      {"server.address", {"10.0.0.1", "::"}, {"", "localhost", "10.0.0", "10.0.0.1 ", "[::1]"}},
      {"server.port", {"0", "65535"}, {"65536", "-1", "http", ""}},
      {"server.certificateFile", {"/a/b"}, {"", "a", "./a", "/a/../b", "/a/./b", "/a\nb"}},
      {"server.maxConnections", {"1", "100000"}, {"0", "100001", "1k"}},
      {"server.maxHeaderBytes", {"4Ki", "1Mi"}, {"0", "4095", "2Mi", "4KB"}},
      {"server.stopGrace", {"0", "0s", "1h"}, {"61m", "-1s", ""}},
      {"auth.tokenTTL", {"1s", "1h"}, {"0", "999ms", "2h"}},
      {"auth.apiServer.url",
       {"", "https://a.b", "https://a.b/", "https://10.0.0.1:6443", "https://[fd00::1]:6443"},
       {"http://a", "https://", "https://a/b", "https://a?b", "https://u@a", "https://a:0",
        "https://[fd00::1", "https://[a]", "https://[]", "https://a:b"}},
      {"runtime.endpoint",
       {"", "unix:///run/a.sock", "/run/a.sock"},
       {"unix://a.sock", "tcp://1.2.3.4", "a"}},
      {"session.cgroupParent", {"/ns-debug", "/a/b"}, {"", "/", "//", "ns-debug", "/../a"}},
      {"session.limits.memory", {"8Mi", "1024Gi"}, {"8191Ki", "1025Gi", "0"}},
      {"session.limits.pids", {"8"}, {"7", "0"}},
      {"session.limits.cpus", {"10m", "0.5", "2"}, {"0", "9m", "1001", "x"}},
      {"audit.path", {"-", "/var/log/a"}, {"", "audit.log"}},
      {"log.level", {"debug", "info", "warning", "error"}, {"", "warn", "INFO"}},
      {"log.format", {"text", "json"}, {"logfmt"}},
  };
  Config config;
  const std::vector<Field> fields = FieldsOf(config);
  for (const RangeCase& range : cases) {
    const Field* field = FindField(fields, range.key);
    ASSERT_NE(field, nullptr) << range.key;
    for (const char* text : range.good) EXPECT_TRUE(TakeValue(*field, {text})) << text;
    const auto before = field->show();
    for (const char* text : range.bad) {
      EXPECT_FALSE(TakeValue(*field, {text})) << range.key << " " << text;
    }
    EXPECT_EQ(field->show(), before);
  }
}

TEST(FieldTest, WhatIsShownReadsBackAsItself) {
  Config config;
  const std::vector<Field> fields = FieldsOf(config);
  for (const Field& field : fields) {
    const auto before = field.show();
    EXPECT_TRUE(TakeValue(field, before)) << field.key;
    EXPECT_EQ(field.show(), before);
  }
  EXPECT_EQ(ShowConfig(config), ShowConfig(Config{}));
}

// A member that is added to one of the structs breaks the build of this line: then it needs a key.
TEST(FieldTest, HasAKeyForEveryMember) {
  Config config;
  [[maybe_unused]] const auto& [node, standalone, state, server, health, runtime, auth, session,
                                audit, log] = config;
  [[maybe_unused]] const auto& [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13] = server;
  [[maybe_unused]] const auto& [h1, h2] = health;
  [[maybe_unused]] const auto& [r1, r2] = runtime;
  [[maybe_unused]] const auto& [a1, a2, a3, a4, a5, a6, a7] = auth;
  [[maybe_unused]] const auto& [p1, p2, p3, p4] = a1;
  [[maybe_unused]] const auto& [e1, e2, e3, e4, e5, e6, e7, e8, e9, e10] = session;
  [[maybe_unused]] const auto& [l1, l2, l3] = e4;
  [[maybe_unused]] const auto& [u1, u2] = audit;
  [[maybe_unused]] const auto& [g1, g2] = log;
  EXPECT_THAT(FieldsOf(config), SizeIs(3 + 13 + 2 + 2 + (7 - 1 + 4) + (10 - 1 + 3) + 2 + 2));
}

TEST(CheckTest, TheDefaultsAreRight) { EXPECT_THAT(CheckConfig(Settings{}), IsEmpty()); }

TEST(CheckTest, TellsEveryContradictionAtOnce) {
  Settings settings;
  const std::string text =
      "server: {port: 8081, requestBurst: 10}\n"
      "auth: {staticTokensFile: /etc/tokens}\n"
      "session:\n"
      "  maxSessions: 10\n"
      "  maxDuration: 10m\n";
  ASSERT_THAT(ReadConfigText(text, kName, settings), IsEmpty());
  EXPECT_THAT(
      CheckConfig(settings),
      ElementsAre(
          "health.port: 8081 is server.port too, on the same address: change one of the two",
          "session.maxSessionsPerUser: 50 is more than session.maxSessions, 10: lower the one or "
          "raise the other",
          "session.idleTimeout: 15m is more than session.maxDuration, 10m, and would never be "
          "reached: lower the one or raise the other",
          "agent.yaml:1: server.requestBurst: 10 is less than server.requestsPerSecond, 50, which "
          "could never be reached: raise the one or lower the other",
          "agent.yaml:2: auth.staticTokensFile: static tokens are for an agent without Kubernetes "
          "only: remove it, or set standalone"));
}

TEST(CheckTest, StandaloneGoesWithStaticTokensAndWithoutAnApiServer) {
  Settings settings;
  settings.config.standalone = true;
  settings.config.auth.static_tokens_file = "/etc/tokens";
  EXPECT_THAT(CheckConfig(settings), IsEmpty());
  settings.config.auth.api_server.url = "https://api";
  settings.config.auth.audiences = {"a"};
  settings.config.auth.client_ca_file = "/etc/ca.crt";
  EXPECT_THAT(CheckConfig(settings), ElementsAre(HasSubstr("auth.apiServer.url: a standalone"),
                                                 HasSubstr("auth.audiences: a standalone"),
                                                 HasSubstr("auth.clientCAFile: a standalone")));
}

TEST(CheckTest, TheSamePortOnTwoAddressesIsTwoListeners) {
  Settings settings;
  settings.config.server.port = 8081;
  settings.config.health.address = "10.0.0.1";
  EXPECT_THAT(CheckConfig(settings), IsEmpty());
  settings.config.server.address = "::";
  EXPECT_THAT(CheckConfig(settings), SizeIs(1));
}

TEST(CheckTest, ChecksRangesThatNoFilePassed) {
  Settings settings;
  settings.config.session.max_sessions_per_user = 0;
  settings.config.session.ns_enter = "ns-enter";
  settings.config.log.level = "loud";
  EXPECT_THAT(CheckConfig(settings),
              ElementsAre("session.nsEnter: 'ns-enter' is not an absolute path without '.' and "
                          "'..'",
                          "session.maxSessionsPerUser: '0' is not a number from 1 to 10000",
                          "log.level: 'loud' is not one of debug, info, warning, error"));
}

}  // namespace
}  // namespace nsdebug
