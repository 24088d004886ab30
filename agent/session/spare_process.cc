#include "agent/session/spare_process.h"

#include <chrono>
#include <utility>

#include "base/process.h"

namespace nsdebug {

namespace {

// The processors are first for the session that took the last one. In a burst the others start
// their own, and it is over when the next spare one is made.
constexpr std::chrono::milliseconds kFillDelay{20};

}  // namespace

SpareProcess::SpareProcess(std::string program)
    : program_(std::move(program)), filler_([this] { Run(); }) {}

SpareProcess::~SpareProcess() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  filler_.join();
}

std::optional<SessionProcess> SpareProcess::Take() {
  std::optional<SessionProcess> taken;
  {
    const std::scoped_lock lock(mutex_);
    taken.swap(process_);
    is_wanted_ = true;
  }
  changed_.notify_all();
  // Somebody has killed it.
  if (taken && HasExited(taken->pidfd())) taken.reset();
  return taken;
}

void SpareProcess::Run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    changed_.wait(lock, [this] { return is_wanted_ || is_stopping_; });
    is_wanted_ = false;
    if (changed_.wait_for(lock, kFillDelay, [this] { return is_stopping_; })) return;
    if (process_) continue;
    lock.unlock();
    // Without one the next session starts its own, and tells its caller why that fails.
    Result<SessionProcess> spawned = SessionProcess::Spawn(program_);
    lock.lock();
    if (spawned) process_ = std::move(*spawned);
  }
}

}  // namespace nsdebug
