#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "base/target.h"
#include "cri/resolver.h"

namespace nsdebug {

/// How long a pod's name stands for what the runtime last said. Kubelet, asked for an exec, knows
/// the pod's containers from a listing of the runtime of once a second, so this is no older.
inline constexpr std::chrono::seconds kTargetTime{1};

/// Each holds a descriptor, and who asks many pods within kTargetTime does not ask them twice.
inline constexpr size_t kMaxCachedTargets = 64;

/// Targets that were found a moment ago. A step of a runbook that follows another one is spared the
/// runtime's answers, which take a quarter of a short session. None outlives its process: that of a
/// container that ended or was started again is not found here. Any thread may call.
class TargetCache {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = std::function<Clock::time_point()>;

  /// `now` is for tests.
  explicit TargetCache(Now now = Clock::now) : now_(std::move(now)) {}

  /// Null: it has to be resolved.
  std::shared_ptr<const Target> Find(const cri::PodQuery& query);

  /// One without a process is not kept: nothing would tell that it has ended.
  void Keep(const cri::PodQuery& query, std::shared_ptr<const Target> target);

 private:
  struct Entry {
    std::shared_ptr<const Target> target;
    Clock::time_point end;
  };
  using Key = std::tuple<std::string, std::string, std::string, bool>;

  static Key KeyOf(const cri::PodQuery& query);
  bool Holds(const Entry& entry) const;

  const Now now_;
  std::mutex mutex_;
  std::map<Key, Entry> entries_;  // guarded by mutex_
};

}  // namespace nsdebug
