#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace nsdebug {

/// Answers that stay true for a while, at most `capacity` of them: the one that was used longest
/// ago goes first. Equal questions at the same time are asked once: the callers behind the first
/// wait for its answer. Any thread may call.
///
/// Keys are digests (KeyedDigest), so that no caller can choose keys that fall into one bucket and
/// no secret lies in the table.
template <class Value>
class ExpiringCache {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = std::function<Clock::time_point()>;

  /// What a question brought, and how long that holds. Errors are never kept.
  struct Answer {
    Value value;
    std::chrono::milliseconds time_to_live;
  };
  using Ask = std::function<Result<Answer>()>;

  /// `now` is for tests; it may be called from any thread, under the cache's lock.
  explicit ExpiringCache(size_t capacity, Now now = Clock::now)
      : capacity_(capacity), now_(std::move(now)) {}

  /// The answer that is kept for `key`, or the one that `ask` brings. `ask` bounds its own time; a
  /// caller that finds the question asked by another waits at most `patience` for it, in real time
  /// (kDeadlineExceeded), and gets that answer, an error too.
  Result<Value> Get(const std::string& key, std::chrono::milliseconds patience, const Ask& ask) {
    std::unique_lock lock(mutex_);
    if (std::optional<Value> kept = Find(key)) return *std::move(kept);
    if (auto found = questions_.find(key); found != questions_.end()) {
      return WaitFor(found->second, patience, lock);
    }
    // Owned by this call and by those that wait for it: the last to leave frees it.
    auto question = std::make_shared<Question>();
    questions_.emplace(key, question);
    lock.unlock();

    Result<Answer> answer = AskSafely(ask);

    lock.lock();
    questions_.erase(key);
    if (answer) Keep(key, *answer);
    question->outcome =
        answer ? Result<Value>(std::move(answer->value)) : Propagate(answer.error());
    question->is_answered.notify_all();
    return *question->outcome;
  }

  /// The answer that is kept for `key`. Waits for nobody.
  std::optional<Value> Kept(const std::string& key) {
    std::lock_guard lock(mutex_);
    return Find(key);
  }

  size_t size() const {
    std::lock_guard lock(mutex_);
    return entries_.size();
  }

  /// Callers that wait for the answer to a question that another one asks.
  size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    Clock::time_point end;
  };
  struct Question {
    std::optional<Result<Value>> outcome;  // guarded by the cache's mutex_
    std::condition_variable is_answered;
  };
  using Entries = std::list<Entry>;

  // Those who wait would wait in vain for a question whose asker was thrown out of here.
  static Result<Answer> AskSafely(const Ask& ask) {
    try {
      return ask();
    } catch (const std::exception&) {
      return Fail(Code::kInternal, "ask: out of memory or a fault of a library");
    }
  }

  std::optional<Value> Find(const std::string& key) {
    auto found = places_.find(key);
    if (found == places_.end()) return std::nullopt;
    typename Entries::iterator entry = found->second;
    if (entry->end <= now_()) {
      places_.erase(found);
      entries_.erase(entry);
      return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->value;
  }

  Result<Value> WaitFor(std::shared_ptr<Question> question, std::chrono::milliseconds patience,
                        std::unique_lock<std::mutex>& lock) {
    ++waiting_;
    const bool is_answered = question->is_answered.wait_for(
        lock, patience, [&] { return question->outcome.has_value(); });
    --waiting_;
    if (!is_answered) {
      return Fail(Code::kDeadlineExceeded,
                  "wait for the answer to an equal question: none in time");
    }
    return *question->outcome;
  }

  void Keep(const std::string& key, const Answer& answer) {
    if (answer.time_to_live.count() <= 0 || capacity_ == 0) return;
    // No entry of this key is there: the asker found none, and a key has one asker at a time.
    if (entries_.size() >= capacity_) {
      places_.erase(entries_.back().key);
      entries_.pop_back();
    }
    entries_.push_front({key, answer.value, now_() + answer.time_to_live});
    places_[key] = entries_.begin();
  }

  const size_t capacity_;
  const Now now_;
  mutable std::mutex mutex_;
  Entries entries_;  // guarded by mutex_, like all below; the last used is in front
  std::unordered_map<std::string, typename Entries::iterator> places_;
  std::unordered_map<std::string, std::shared_ptr<Question>> questions_;
  size_t waiting_ = 0;
};

}  // namespace nsdebug
