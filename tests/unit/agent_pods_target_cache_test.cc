#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/pods/target_cache.h"
#include "base/process.h"

namespace nsdebug {
namespace {

using std::chrono::milliseconds;

/// A process that waits to be killed.
class TargetCacheTest : public testing::Test {
 protected:
  TargetCacheTest() {
    child_ = ::fork();
    if (child_ == 0) {
      for (;;) ::pause();
    }
  }
  ~TargetCacheTest() override { Kill(); }

  void Kill() {
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }

  std::shared_ptr<const Target> MakeTarget() const {
    auto target = std::make_shared<Target>();
    target->pidfd = std::move(OpenPidfd(child_).value());
    target->pid = child_;
    return target;
  }

  const cri::PodQuery query_{"shop", "web", "", false};
  TargetCache::Clock::time_point now_{};
  TargetCache cache_{[this] { return now_; }};
  pid_t child_ = -1;
};

TEST_F(TargetCacheTest, KnowsAPodForAMoment) {
  const std::shared_ptr<const Target> target = MakeTarget();
  cache_.Keep(query_, target);
  EXPECT_EQ(cache_.Find(query_), target);
  now_ += kTargetTime - milliseconds(1);
  EXPECT_EQ(cache_.Find(query_), target);
  now_ += milliseconds(1);
  EXPECT_EQ(cache_.Find(query_), nullptr);
}

TEST_F(TargetCacheTest, KnowsWhatWasAskedAndNothingElse) {
  cache_.Keep(query_, MakeTarget());
  for (const cri::PodQuery& other :
       {cri::PodQuery{"shop", "db", "", false}, cri::PodQuery{"prod", "web", "", false},
        cri::PodQuery{"shop", "web", "app", false}, cri::PodQuery{"shop", "web", "", true}}) {
    EXPECT_EQ(cache_.Find(other), nullptr);
  }
}

TEST_F(TargetCacheTest, ForgetsWhatHasEnded) {
  cache_.Keep(query_, MakeTarget());
  Kill();
  EXPECT_EQ(cache_.Find(query_), nullptr);
}

TEST_F(TargetCacheTest, KeepsNothingWithoutAProcess) {
  cache_.Keep(query_, std::make_shared<const Target>());
  EXPECT_EQ(cache_.Find(query_), nullptr);
}

TEST_F(TargetCacheTest, TakesTheNewerAnswer) {
  cache_.Keep(query_, MakeTarget());
  now_ += milliseconds(500);
  const std::shared_ptr<const Target> newer = MakeTarget();
  cache_.Keep(query_, newer);
  now_ += milliseconds(900);
  EXPECT_EQ(cache_.Find(query_), newer);
}

TEST_F(TargetCacheTest, IsBounded) {
  const std::shared_ptr<const Target> target = MakeTarget();
  for (size_t i = 0; i <= kMaxCachedTargets; ++i) {
    cache_.Keep({"shop", std::to_string(i), "", false}, target);
  }
  EXPECT_EQ(cache_.Find({"shop", std::to_string(kMaxCachedTargets - 1), "", false}), target);
  EXPECT_EQ(cache_.Find({"shop", std::to_string(kMaxCachedTargets), "", false}), nullptr);
  // The room of those that are too old is for the next.
  now_ += kTargetTime;
  cache_.Keep(query_, target);
  EXPECT_EQ(cache_.Find(query_), target);
  EXPECT_EQ(target.use_count(), 2);
}

}  // namespace
}  // namespace nsdebug
