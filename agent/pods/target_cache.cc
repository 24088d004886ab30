#include "agent/pods/target_cache.h"

#include <utility>

#include "base/process.h"

namespace nsdebug {

TargetCache::Key TargetCache::KeyOf(const cri::PodQuery& query) {
  return {query.pod_namespace, query.pod_name, query.container, query.sandbox};
}

bool TargetCache::Holds(const Entry& entry) const {
  return now_() < entry.end && !HasExited(entry.target->pidfd.get());
}

std::shared_ptr<const Target> TargetCache::Find(const cri::PodQuery& query) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(KeyOf(query));
  if (found == entries_.end()) return nullptr;
  if (Holds(found->second)) return found->second.target;
  entries_.erase(found);
  return nullptr;
}

void TargetCache::Keep(const cri::PodQuery& query, std::shared_ptr<const Target> target) {
  if (!target->pidfd.valid()) return;
  const std::scoped_lock lock(mutex_);
  std::erase_if(entries_, [this](const auto& entry) { return !Holds(entry.second); });
  if (entries_.size() >= kMaxCachedTargets) return;
  entries_.insert_or_assign(KeyOf(query), Entry{std::move(target), now_() + kTargetTime});
}

}  // namespace nsdebug
