#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

namespace nsdebug {
namespace {

/// A child that waits to be killed; reaped at the end.
class WaitingChild {
 public:
  WaitingChild() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~WaitingChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(SignalNameTest, NumbersThoseWithoutAName) {
  EXPECT_EQ(SignalName(SIGKILL), "SIGKILL");
  EXPECT_EQ(SignalName(SIGTERM), "SIGTERM");
  EXPECT_EQ(SignalName(34), "signal 34");
}

TEST(PidfdTest, NamesTheProcessAndSeesItsExitWhileItIsAZombie) {
  WaitingChild child;
  Result<UniqueFd> pidfd = OpenPidfd(child.pid());
  ASSERT_TRUE(pidfd);
  EXPECT_FALSE(HasExited(pidfd->get()));
  Result<pid_t> pid = PidOf(pidfd->get());
  ASSERT_TRUE(pid);
  EXPECT_EQ(*pid, child.pid());

  ASSERT_TRUE(SendSignal(pidfd->get(), SIGKILL));
  pollfd exit{pidfd->get(), POLLIN, 0};
  ASSERT_EQ(::poll(&exit, 1, 5000), 1);
  EXPECT_TRUE(HasExited(pidfd->get()));
}

TEST(PidfdTest, SaysThatThereIsNoSuchProcess) {
  Result<UniqueFd> pidfd = OpenPidfd(INT32_MAX);
  ASSERT_FALSE(pidfd);
  EXPECT_EQ(pidfd.error().code, Code::kNotFound);
  EXPECT_EQ(pidfd.error().message, "no process with pid 2147483647");
}

TEST(PidfdTest, InodeIsTheSameForEveryPidfdOfOneProcess) {
  Result<UniqueFd> first = OpenPidfd(::getpid());
  Result<UniqueFd> second = OpenPidfd(::getpid());
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  Result<uint64_t> inode = PidfdInode(first->get());
  if (!inode) {
    EXPECT_EQ(inode.error().code, Code::kUnimplemented);
    return;
  }
  EXPECT_EQ(*inode, PidfdInode(second->get()).value());
}

TEST(PidfdTest, RefusesADescriptorThatIsNone) {
  Result<pid_t> pid = PidOf(STDERR_FILENO);
  ASSERT_FALSE(pid);
  EXPECT_THAT(pid.error().message, testing::HasSubstr("is not a pidfd"));
}

}  // namespace
}  // namespace nsdebug
