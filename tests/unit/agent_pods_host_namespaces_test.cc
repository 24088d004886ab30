#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "agent/pods/host_namespaces.h"
#include "base/io.h"
#include "base/process.h"
#include "tests/fake_cri/process_in_cgroup.h"
#include "tests/privileged.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// The tests' own process stands for the node's init.
constexpr char kInit[] = "/proc/self";

Target ProcessTarget(pid_t pid) {
  Target target;
  Result<UniqueFd> pidfd = OpenPidfd(pid);
  EXPECT_TRUE(pidfd) << pidfd.error().message;
  target.pidfd = std::move(*pidfd);
  // Only the pidfd says which process it is.
  target.pid = 1;
  return target;
}

TEST(HostNamespacesTest, AProcessOfTheNodeSharesAll) {
  Result<HostNamespaces> found = FindHostNamespaces(ProcessTarget(::getpid()), kInit);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->namespaces.size(), 7);
  for (const TargetNamespace& one : found->namespaces) {
    EXPECT_TRUE(one.is_nodes) << one.kind;
    EXPECT_NE(one.inode, 0) << one.kind;
  }
  EXPECT_TRUE(found->RequiresNodeAccess());
}

TEST(HostNamespacesTest, TellsOwnNamespacesFromTheNodes) {
  NSDEBUG_REQUIRE_ROOT();
  cri::ProcessInCgroup process("pod");
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  Result<HostNamespaces> found = FindHostNamespaces(ProcessTarget(process.pid()), kInit);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->Shares("net"));
  EXPECT_FALSE(found->Shares("ipc"));
  EXPECT_FALSE(found->Shares("uts"));
  EXPECT_TRUE(found->Shares("pid"));
  EXPECT_TRUE(found->Shares("mnt"));
  for (const TargetNamespace& one : found->namespaces) {
    EXPECT_THAT(process.Namespace(std::string(one.kind)),
                HasSubstr("[" + std::to_string(one.inode) + "]"));
  }
}

TEST(HostNamespacesTest, AnyOfNetworkPidIpcAndMountIsTheNode) {
  const auto sharing = [](std::string_view shared) {
    HostNamespaces found;
    for (std::string_view kind : {"net", "pid", "ipc", "uts", "mnt", "user", "cgroup"}) {
      found.namespaces.push_back({kind, 7, kind == shared});
    }
    return found;
  };
  for (const char* kind : {"net", "pid", "ipc", "mnt"}) {
    EXPECT_TRUE(sharing(kind).RequiresNodeAccess()) << kind;
  }
  for (const char* kind : {"uts", "user", "cgroup", ""}) {
    EXPECT_FALSE(sharing(kind).RequiresNodeAccess()) << kind;
  }
  // What a session does not join it keeps from the agent.
  const int all = CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC;
  EXPECT_FALSE(sharing("").RequiresNodeAccess(all));
  for (int flag : {CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC}) {
    EXPECT_TRUE(sharing("").RequiresNodeAccess(all & ~flag)) << flag;
  }
  EXPECT_TRUE(sharing("mnt").RequiresNodeAccess(all));
  // Nothing known is nothing proven.
  EXPECT_TRUE(HostNamespaces{}.RequiresNodeAccess());
}

TEST(HostNamespacesTest, ReadsTheNamespaceFilesOfASandboxWithoutProcess) {
  NSDEBUG_REQUIRE_ROOT();
  cri::ProcessInCgroup process("pod");
  NSDEBUG_SKIP_UNLESS(process.problem().empty(), process.problem());
  const auto file = [](const std::string& path) { return Open(path, O_RDONLY).value(); };
  const std::string proc = "/proc/" + std::to_string(process.pid());
  Target target;
  target.namespaces.push_back({"net", proc, file(proc + "/ns/net")});
  target.namespaces.push_back({"ipc", "/proc/self", file("/proc/self/ns/ipc")});
  Result<HostNamespaces> found = FindHostNamespaces(target, kInit);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->Shares("net"));
  EXPECT_TRUE(found->Shares("ipc"));
  // A session in it stays in those that the target has not.
  EXPECT_TRUE(found->Shares("pid"));
  EXPECT_TRUE(found->RequiresNodeAccess());
}

TEST(HostNamespacesTest, ATargetOfNothingIsTheNode) {
  Result<HostNamespaces> found = FindHostNamespaces(Target{}, kInit);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->Shares("net"));
  EXPECT_TRUE(found->RequiresNodeAccess());
}

TEST(HostNamespacesTest, AProcessThatHasExitedIsAnError) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  // A zombie still has a pid, and its namespaces are gone.
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
  Target target = ProcessTarget(child);
  Result<HostNamespaces> found = FindHostNamespaces(target, kInit);
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kAborted);
  EXPECT_FALSE(FindHostNamespaces(target, kInit));
}

TEST(HostNamespacesTest, AnUnreadableNamespaceOfTheTargetIsAnError) {
  Target target;
  target.namespaces.push_back({"net", "/gone", UniqueFd()});
  Result<HostNamespaces> found = FindHostNamespaces(target, kInit);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "look at the net namespace: bad file descriptor");
}

TEST(HostNamespacesTest, ANodeThatCannotBeLookedAtIsAnError) {
  for (const char* init : {"/proc/0", "/tmp"}) {
    Result<HostNamespaces> found = FindHostNamespaces(ProcessTarget(::getpid()), init);
    ASSERT_FALSE(found) << init;
    EXPECT_EQ(found.error().code, Code::kNotFound) << init;
  }
}

// Where process 1 has capabilities that this test has not, it cannot be looked at.
TEST(HostNamespacesTest, SaysWhatTheAgentLacksToSeeTheNode) {
  struct stat info {};
  if (::stat("/proc/1/ns/net", &info) == 0) GTEST_SKIP() << "process 1 can be looked at here";
  Result<HostNamespaces> found = FindHostNamespaces(ProcessTarget(::getpid()));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kPermissionDenied);
  EXPECT_THAT(found.error().message,
              StartsWith("which namespaces are the node's: /proc/1/ns/net: permission denied: the "
                         "agent needs hostPID: true"));
}

}  // namespace
}  // namespace nsdebug
