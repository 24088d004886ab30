#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/io.h"
#include "base/process.h"
#include "docker/resolver.h"
#include "tests/docker/fake_engine.h"
#include "tests/privileged.h"

namespace nsdebug::docker {
namespace {

// A container of the fake engine: a running one, of which each test changes one thing.
struct Fields {
  std::string status = "running";
  bool running = true;
  bool paused = false;
  pid_t pid = ::getpid();
  int exit_code = 0;
  std::string runtime = "runc";
};

std::string UniqueId() { return fmt::format("{:0>64}", fmt::format("{:x}", ::getpid())); }

std::string Describe(const Fields& fields) {
  return fmt::format(
      R"({{"Id":"{}","Name":"/web","State":{{"Status":"{}","Running":{},"Paused":{},"Pid":{},)"
      R"("ExitCode":{}}},"HostConfig":{{"Runtime":"{}"}}}})",
      UniqueId(), fields.status, fields.running, fields.paused, fields.pid, fields.exit_code,
      fields.runtime);
}

Result<Target> ResolveFrom(const Fields& fields) {
  FakeEngine fake(AnswerWith(HttpAnswer(200, Describe(fields))));
  return Resolve(Engine({.socket_path = fake.path()}), "web");
}

void ExpectRefused(const Fields& fields, Code code, const std::string& message) {
  Result<Target> target = ResolveFrom(fields);
  ASSERT_FALSE(target) << fields.status;
  EXPECT_EQ(target.error().code, code);
  EXPECT_EQ(target.error().message, message);
}

TEST(DockerResolverTest, RefusesWhatDoesNotRun) {
  struct State {
    const char* status;
    bool running;
    std::string message;
  };
  for (const State& state : {
           State{"created", false, "container web was created but never started: docker start web"},
           State{"exited", false, "container web has exited with code 3: docker start web"},
           // Docker sets Running in this state.
           State{"restarting", true,
                 "container web is restarting and has no process now: its last one ended with code "
                 "3: see docker logs web"},
           State{"dead", false,
                 "container web is dead: docker failed to remove it and cannot start it again"},
           State{"removing", false, "container web is being removed"},
           State{"odd\\u001b", true,
                 "container web is not running: docker calls its state \"odd\\x1b\""},
       }) {
    ExpectRefused({.status = state.status, .running = state.running, .pid = 0, .exit_code = 3},
                  Code::kFailedPrecondition, state.message);
  }
}

TEST(DockerResolverTest, RefusesARunningContainerWithoutAProcess) {
  ExpectRefused({.pid = 0}, Code::kInternal,
                "container web: docker calls it running but tells no process of it");
  ExpectRefused({.running = false}, Code::kInternal,
                "container web: docker calls it running but tells no process of it");
}

TEST(DockerResolverTest, RefusesASandboxWithItsOwnKernel) {
  for (const char* runtime : {"runsc", "io.containerd.runsc.v1", "kata", "kata-qemu", "krun",
                              "/usr/bin/kata-runtime", "io.containerd.kata.v2"}) {
    ExpectRefused(
        {.runtime = runtime}, Code::kFailedPrecondition,
        fmt::format("container web runs in a sandbox with its own kernel (runtime {}): its "
                    "namespaces are not on this node: use docker exec",
                    runtime));
  }
}

TEST(DockerResolverTest, DoesNotTakeAnOrdinaryRuntimeForASandbox) {
  for (const char* runtime : {"runc", "crun", "katana", "", "nvidia", "io.containerd.runc.v2"}) {
    Result<Target> target = ResolveFrom({.runtime = runtime});
    ASSERT_FALSE(target);
    // It went on to the process, which is this test's and no container's.
    EXPECT_EQ(target.error().code, Code::kAborted) << runtime;
  }
}

TEST(DockerResolverTest, RefusesAPidThatIsNotTheContainers) {
  ExpectRefused(
      {.pid = ::getpid()}, Code::kAborted,
      fmt::format("container web: process {} is not in the cgroup of container {}: its pid "
                  "was reused, or it runs outside the container",
                  ::getpid(), UniqueId()));
}

TEST(DockerResolverTest, PassesOnThatThereIsNoSuchContainer) {
  FakeEngine fake(AnswerWith(HttpAnswer(404, R"({"message":"No such container: web"})")));
  Result<Target> target = Resolve(Engine({.socket_path = fake.path()}), "web");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, Code::kNotFound);
  EXPECT_EQ(target.error().message, "container web not found: the engine at " + fake.path() +
                                        " says: No such container: web");
}

// A child that waits in a cgroup that is named as Docker names a container's. Both go away with it.
class ContainerLikeProcess {
 public:
  explicit ContainerLikeProcess(const std::string& id) {
    // On a hybrid or v1 host the v1 lines count, on a v2 host there is one hierarchy.
    const std::string pids = "/sys/fs/cgroup/pids";
    std::string root = ::access(pids.c_str(), F_OK) == 0 ? pids : "/sys/fs/cgroup";
    cgroup_ = fmt::format("{}/docker-{}.scope", root, id);
    is_ready_ = ::mkdir(cgroup_.c_str(), 0755) == 0;
    pid_ = ::fork();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
    Result<UniqueFd> procs = Open(cgroup_ + "/cgroup.procs", O_WRONLY);
    is_ready_ = is_ready_ && pid_ > 0 && procs &&
                WriteAll(procs->get(), std::to_string(pid_), "cgroup.procs").has_value();
  }
  ContainerLikeProcess(const ContainerLikeProcess&) = delete;
  ContainerLikeProcess& operator=(const ContainerLikeProcess&) = delete;
  ~ContainerLikeProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::rmdir(cgroup_.c_str());
  }

  bool is_ready() const { return is_ready_; }
  pid_t pid() const { return pid_; }
  const std::string& cgroup() const { return cgroup_; }

 private:
  std::string cgroup_;
  pid_t pid_ = -1;
  bool is_ready_ = false;
};

TEST(DockerResolverTest, FindsTheProcessOfARunningContainer) {
  NSDEBUG_REQUIRE_ROOT();
  std::string cgroup;
  {
    ContainerLikeProcess process(UniqueId());
    NSDEBUG_SKIP_UNLESS(process.is_ready(), "needs a writable cgroup file system");
    cgroup = process.cgroup();
    Result<Target> target = ResolveFrom({.pid = process.pid()});
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_EQ(PidOf(target->pidfd.get()).value(), process.pid());
    EXPECT_EQ(target->pid, process.pid());
    EXPECT_EQ(target->runtime, "docker");
    EXPECT_EQ(target->container_name, "web");
    EXPECT_EQ(target->container_id, UniqueId());
    EXPECT_EQ(target->note, "");

    target = ResolveFrom({.status = "paused", .paused = true, .pid = process.pid()});
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_EQ(target->note, "container web is paused: its own processes stand still");
  }
  EXPECT_NE(::access(cgroup.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace nsdebug::docker
