#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/io.h"
#include "base/process.h"
#include "nsenter/capabilities.h"
#include "nsenter/session/identity.h"
#include "nsenter/session/report.h"
#include "nsenter/session/session_cgroup.h"
#include "nsenter/session/session_options.h"
#include "nsenter/session/session_plan.h"
#include "nsenter/session/tools_exposure.h"

namespace nsdebug {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseBytesTest, TakesKubernetesQuantities) {
  EXPECT_EQ(ParseBytes("512Mi").value(), uint64_t{512} << 20);
  EXPECT_EQ(ParseBytes("1G").value(), 1'000'000'000u);
  EXPECT_EQ(ParseBytes("100000").value(), 100000u);
  for (const char* bad : {"", "Mi", "-1", "1.5Gi", "9999999999999Gi", "1x"}) {
    EXPECT_FALSE(ParseBytes(bad)) << bad;
  }
}

TEST(ParseDurationTest, TakesSecondsAndUnits) {
  EXPECT_EQ(ParseDuration("90").value(), milliseconds(90'000));
  EXPECT_EQ(ParseDuration("1h30m").value(), milliseconds(5'400'000));
  EXPECT_EQ(ParseDuration("250ms").value(), milliseconds(250));
  for (const char* bad : {"", "s", "5x", "-1s", "8d", "99999h", "1h30"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
}

TEST(ParseCpusTest, TakesWholeFractionsAndMillis) {
  EXPECT_EQ(ParseCpus("2").value(), 2000u);
  EXPECT_EQ(ParseCpus("0.5").value(), 500u);
  EXPECT_EQ(ParseCpus("250m").value(), 250u);
  for (const char* bad : {"", "0", "0m", "9m", "0.009", ".", "1.2345", "-1", "m"})
    EXPECT_FALSE(ParseCpus(bad)) << bad;
}

TEST(ProfileTest, CapabilitiesAreAddedAndDropped) {
  SessionOptions options;
  ASSERT_TRUE(options.Take(SessionOptions::kProfile, "restricted").value());
  ASSERT_TRUE(options.Take(SessionOptions::kCapAdd, "net_raw").value());
  ASSERT_TRUE(options.Take(SessionOptions::kCapAdd, "CAP_CHOWN").value());
  ASSERT_TRUE(options.Take(SessionOptions::kCapDrop, "ALL").value());
  EXPECT_THAT(CapabilityNames(options.Make()->capabilities),
              ElementsAre("CAP_CHOWN", "CAP_NET_RAW"));
  EXPECT_FALSE(options.Take(SessionOptions::kCapAdd, "CAP_NONSENSE"));
  EXPECT_FALSE(options.Take('n', nullptr).value());
}

TEST(ProfileTest, NamesTheOnesThereAre) {
  EXPECT_EQ(FindProfile("god").error().message,
            "unknown profile 'god': use one of general, baseline, restricted, netadmin, sysadmin");
  for (const char* name : {"general", "baseline", "restricted", "netadmin"}) {
    EXPECT_EQ(FindProfile(name).value()->capabilities & (CapabilitySet{1} << CAP_SYS_ADMIN), 0u);
  }
}

constexpr CapabilitySet Bit(int capability) { return CapabilitySet{1} << capability; }

TEST(ExposureTest, FollowsTheKernelsRuleForProcRoot) {
  const CapabilitySet container = FindProfile("baseline").value()->capabilities;
  const CapabilitySet tracing = container | Bit(CAP_SYS_PTRACE);
  struct Case {
    CapabilitySet target;
    CapabilitySet command;
    Exposure expected;
  };
  for (const Case& c :
       std::vector<Case>{{container, container, Exposure::kSameRights},
                         {container, container & ~Bit(CAP_KILL), Exposure::kSameRights},
                         {container, 0, Exposure::kSameRights},
                         {0, 0, Exposure::kSameRights},
                         {container, tracing, Exposure::kNone},
                         {0, Bit(CAP_KILL), Exposure::kNone},
                         {container & ~Bit(CAP_KILL), container, Exposure::kNone},
                         {tracing, tracing, Exposure::kTracer},
                         {Bit(CAP_SYS_PTRACE), AllCapabilities(), Exposure::kTracer},
                         {AllCapabilities(), 0, Exposure::kTracer}}) {
    EXPECT_EQ(ExposureTo(c.target, c.command), c.expected) << c.target << " " << c.command;
  }
}

TEST(ExposureTest, ACommandThatIsNotRootHoldsNothing) {
  SessionSpec spec;
  spec.profile = FindProfile("general").value();
  spec.capabilities = spec.profile->capabilities;
  EXPECT_EQ(CommandCapabilities(spec, AllCapabilities()), spec.capabilities);
  EXPECT_EQ(CommandCapabilities(spec, Bit(CAP_KILL)), Bit(CAP_KILL));
  spec.uid = 1000;
  EXPECT_EQ(CommandCapabilities(spec, AllCapabilities()), 0u);
  spec.uid = 0;
  EXPECT_EQ(CommandCapabilities(spec, AllCapabilities()), spec.capabilities);
  spec.uid.reset();
  spec.profile = FindProfile("restricted").value();
  EXPECT_EQ(CommandCapabilities(spec, AllCapabilities()), 0u);
}

/// A process that has no rights any more; ends with the object.
class Powerless {
 public:
  Powerless() : pid_(::fork()) {
    if (pid_ != 0) return;
    (void)DropBounding(0);
    if (!ApplySets({})) ::_exit(1);
    for (;;) ::pause();
  }
  ~Powerless() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Powerless(const Powerless&) = delete;
  Powerless& operator=(const Powerless&) = delete;

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(ExposureTest, CountsWhatTheFirstProcessHasGivenUp) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const Powerless target;
  Result<ProcessHandle> process = ProcessHandle::FromPidfd(OpenPidfd(target.pid()).value());
  ASSERT_TRUE(process) << process.error().message;
  const auto gave_all_up = [&] {
    // The last that it gives up.
    return process->Read("status").value().find("CapPrm:\t0000000000000000") != std::string::npos;
  };
  while (!gave_all_up()) ::sched_yield();
  SessionSpec spec;
  spec.profile = FindProfile("general").value();
  spec.capabilities = spec.profile->capabilities;
  EXPECT_EQ(FindExposure(spec, *process, "").value(), Exposure::kNone);
  EXPECT_EQ(
      FindExposure(spec, *process, R"({"capabilities":{"bounding":["CAP_SYS_PTRACE"]}})").value(),
      Exposure::kTracer);
  EXPECT_EQ(FindExposure(spec, *process, R"({"capabilities":{"bounding":["CAP_KILL"]}})").value(),
            Exposure::kNone);
  EXPECT_FALSE(FindExposure(spec, *process, "{"));
}

TEST(SessionOptionsTest, RefusesAProfileForTheContainersOwnRights) {
  SessionOptions options;
  ASSERT_TRUE(options.Take(SessionOptions::kView, "container"));
  ASSERT_TRUE(options.Take(SessionOptions::kProfile, "netadmin"));
  EXPECT_THAT(options.Make().error().message, HasSubstr("goes without --profile"));
}

TEST(ParseProcessSpecTest, ReadsLimitsAndUmask) {
  Result<Identity> identity = ParseProcessSpec(
      R"({"user":{"umask":23},"rlimits":[{"type":"RLIMIT_NOFILE","soft":10,"hard":20},)"
      R"({"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}]})");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->umask, 027u);
  ASSERT_EQ(identity->limits.size(), 2u);
  EXPECT_EQ(identity->limits[0].resource, RLIMIT_NOFILE);
  EXPECT_EQ(identity->limits[0].value.rlim_cur, 10u);
  EXPECT_EQ(identity->limits[0].value.rlim_max, 20u);
  EXPECT_EQ(identity->limits[1].resource, RLIMIT_CORE);
  EXPECT_EQ(identity->limits[1].value.rlim_max, RLIM_INFINITY);
  EXPECT_EQ(ParseProcessSpec("{}")->umask, 022u);
  for (const char* bad :
       {R"({"rlimits":[{"type":"RLIMIT_LOVE","soft":1,"hard":1}]})",
        R"({"rlimits":[{"type":"RLIMIT_CORE","hard":1}]})", R"({"user":{"umask":"022"}})"}) {
    EXPECT_FALSE(ParseProcessSpec(bad)) << bad;
  }
}

TEST(ParseProcessSpecTest, ReadsWhatExecKeeps) {
  Result<Identity> identity = ParseProcessSpec(
      R"({"user":{"uid":1000,"gid":2000,"additionalGids":[2000,3]},"env":["A=b"],"cwd":"/srv",)"
      R"("capabilities":{"bounding":["CAP_KILL","CAP_FUTURE"],"effective":null},)"
      R"("noNewPrivileges":true})");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->uid, 1000u);
  EXPECT_THAT(identity->groups, ElementsAre(2000, 3));
  EXPECT_EQ(identity->capabilities.bounding, CapabilitySet{1} << CAP_KILL);
  EXPECT_EQ(identity->capabilities.effective, 0u);
  EXPECT_TRUE(identity->no_new_privs);
  EXPECT_EQ(identity->working_directory, "/srv");
  for (const char* bad : {"", "[]", R"({"user":{"uid":"root"}})", R"({"env":7})"}) {
    EXPECT_FALSE(ParseProcessSpec(bad)) << bad;
  }
}

TEST(ParseProcessStatusTest, TakesTheEffectiveUserAndTheSets) {
  Result<Identity> identity = ParseProcessStatus(
      "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \nCapPrm:\t0000000000000020\n"
      "NoNewPrivs:\t1\n",
      std::string("A=b\0junk\0=c\0", 12));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->uid, 2u);
  EXPECT_EQ(identity->gid, 6u);
  EXPECT_THAT(identity->groups, ElementsAre(9, 10));
  EXPECT_EQ(identity->capabilities.permitted, 0x20u);
  EXPECT_THAT(identity->environment, ElementsAre("A=b"));
  EXPECT_FALSE(ParseProcessStatus("Name:\tx\n", ""));
}

TEST(MapIntoUserNamespaceTest, FollowsTheRangeThatHoldsTheId) {
  constexpr const char kMap[] =
      "         0     100000       1000\n      1000       5000          1\n";
  EXPECT_EQ(MapIntoUserNamespace(kMap, 100000), 0u);
  EXPECT_EQ(MapIntoUserNamespace(kMap, 100999), 999u);
  EXPECT_EQ(MapIntoUserNamespace(kMap, 5000), 1000u);
  EXPECT_EQ(MapIntoUserNamespace(kMap, 101000), std::nullopt);
  EXPECT_EQ(MapIntoUserNamespace(kMap, 0), std::nullopt);
  EXPECT_EQ(MapIntoUserNamespace("garbage", 0), std::nullopt);
}

TEST(SessionEventTest, SurvivesTheRoundTrip) {
  const SetupFailure failure{Step::kView, {Code::kPermissionDenied, "no \xff mounts", EPERM}, 1};
  Result<SessionEvent> event = DecodeEvent(EncodeEvent(SessionEvent::Failed(failure)));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->failure.step, Step::kView);
  EXPECT_EQ(event->failure.error.error_number, EPERM);
  EXPECT_EQ(event->failure.error.code, Code::kPermissionDenied);
  EXPECT_EQ(DecodeEvent(EncodeEvent(SessionEvent::Ended(7 << 8, "deadline")))->cause, "deadline");
  for (const char* bad :
       {"", R"({"version":2,"event":"executed"})", R"({"version":1,"event":"exploded"})",
        R"({"version":1,"event":"failed","step":"magic"})"}) {
    EXPECT_FALSE(DecodeEvent(bad)) << bad;
  }
}

TEST(SessionPlanTest, SurvivesTheRoundTrip) {
  SessionSpec spec;
  spec.profile = FindProfile("netadmin").value();
  spec.capabilities = spec.profile->capabilities;
  spec.command = {"ss", "-tlnp"};
  spec.environment = {"A=b"};
  spec.namespaces = CLONE_NEWNET | CLONE_NEWPID;
  spec.uid = 1000;
  spec.deadline = milliseconds(1500);
  Target target;
  target.pidfd = std::move(OpenPidfd(::getpid()).value());
  target.pid = ::getpid();
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(SendSessionPlan(pair->first.get(), spec, target, {}));
  Result<SessionPlan> plan = ReceiveSessionPlan(pair->second.get(), 1000);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->spec.profile, spec.profile);
  EXPECT_EQ(plan->spec.capabilities, spec.capabilities & AllCapabilities());
  EXPECT_EQ(plan->spec.namespaces, spec.namespaces);
  EXPECT_EQ(plan->spec.uid, 1000u);
  EXPECT_FALSE(plan->spec.gid);
  EXPECT_EQ(plan->spec.deadline, milliseconds(1500));
  EXPECT_EQ(PidOf(plan->target.pidfd.get()).value(), ::getpid());
}

TEST(SessionPlanTest, CarriesTheStreamsThatThereAre) {
  SessionSpec spec;
  spec.profile = FindProfile("general").value();
  Target target;
  target.pidfd = std::move(OpenPidfd(::getpid()).value());
  target.pid = ::getpid();
  std::array<UniqueFd, 3> streams;
  streams[0] = std::move(Open("/dev/null", O_RDONLY).value());
  streams[2] = std::move(Open("/dev/zero", O_RDONLY).value());
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(SendSessionPlan(pair->first.get(), spec, target, streams));
  Result<SessionPlan> plan = ReceiveSessionPlan(pair->second.get(), 1000);
  ASSERT_TRUE(plan) << plan.error().message;
  const auto device = [](const UniqueFd& fd) {
    struct stat status {};
    ::fstat(fd.get(), &status);
    return status.st_rdev;
  };
  EXPECT_EQ(device(plan->standard_streams[0]), device(streams[0]));
  EXPECT_FALSE(plan->standard_streams[1].valid());
  EXPECT_EQ(device(plan->standard_streams[2]), device(streams[2]));
  EXPECT_EQ(PidOf(plan->target.pidfd.get()).value(), ::getpid());
}

TEST(SessionPlanTest, RefusesStreamsThatAreNone) {
  SessionSpec spec;
  spec.profile = FindProfile("general").value();
  Target target;
  target.namespaces.push_back({"net", "x", std::move(Open("/proc/self/ns/net").value())});
  std::array<UniqueFd, 3> streams;
  streams[1] = std::move(Open("/dev/null", O_WRONLY).value());
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  for (const char* bad : {"[3]", "[-1]", "[1.5]", "[1,1]", "[0,1,2]", "[\"1\"]", "{}", "[]"}) {
    ASSERT_TRUE(SendSessionPlan(pair->first.get(), spec, target, streams));
    Message message = ReceiveMessage(pair->second.get(), 1000).value();
    const std::string good = "\"streams\":[1]";
    const size_t place = message.bytes.find(good);
    ASSERT_NE(place, std::string::npos);
    message.bytes.replace(place, good.size(), std::string("\"streams\":") + bad);
    EXPECT_FALSE(DecodeSessionPlan(std::move(message))) << bad;
  }
}

TEST(CheckSpecTest, RefusesContradictions) {
  SessionSpec spec;
  spec.profile = FindProfile("restricted").value();
  spec.uid = 0;
  EXPECT_THAT(CheckSpec(spec).error().message, HasSubstr("does not run as user 0"));
  spec.uid.reset();
  spec.cgroup_parent = "/a/../../etc";
  EXPECT_FALSE(CheckSpec(spec));
  spec.cgroup_parent = "/ns-debug";
  spec.environment = {"=x"};
  EXPECT_FALSE(CheckSpec(spec));
}

TEST(SessionCgroupTest, PlansOneHierarchyOnV2AndAllOfThemOnHybridHosts) {
  const std::vector<CgroupMount> v2 = {{"", "/", "/sys/fs/cgroup"}};
  EXPECT_THAT(SessionCgroup::Plan(v2, "/ns-debug", "s")->directories(),
              ElementsAre("/sys/fs/cgroup/ns-debug/s"));
  const std::vector<CgroupMount> hybrid = {
      {"memory", "/", "/c/memory"}, {"pids", "/", "/c/pids"},       {"cpu,cpuacct", "/", "/c/cpu"},
      {"devices", "/", "/c/dev"},   {"freezer", "/", "/c/freezer"}, {"", "/", "/c/unified"}};
  EXPECT_THAT(
      SessionCgroup::Plan(hybrid, "/p", "s")->directories(),
      ElementsAre("/c/unified/p/s", "/c/memory/p/s", "/c/pids/p/s", "/c/cpu/p/s", "/c/dev/p/s"));
  std::vector<CgroupMount> v1 = hybrid;
  v1.pop_back();
  EXPECT_EQ(SessionCgroup::Plan(v1, "/p", "s")->directories().front(), "/c/freezer/p/s");
  EXPECT_THAT(SessionCgroup::Plan({}, "/p", "s").error().message,
              HasSubstr("no cgroup file system is mounted here"));
}

}  // namespace
}  // namespace nsdebug
