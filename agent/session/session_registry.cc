#include "agent/session/session_registry.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace nsdebug {

namespace {

/// 128 random bits: whoever may not list sessions cannot guess one either.
Result<std::string> NewId() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return FailErrno("make a session id");
  }
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

}  // namespace

Result<SessionRegistry::Slot> SessionRegistry::Open(const std::string& user) {
  Result<std::string> id = NewId();
  if (!id) return Propagate(std::move(id.error()));
  const std::scoped_lock lock(mutex_);
  if (stopping_) {
    return Fail(Code::kUnavailable, "the agent is stopping: try again when it has been restarted");
  }
  if (entries_.size() >= limits_.total) {
    return Fail(Code::kResourceExhausted,
                fmt::format("this node has {} sessions, as many as session.maxSessions allows: "
                            "wait until one ends, or end one",
                            limits_.total));
  }
  uint64_t& of_user = user_count_[user];
  if (of_user >= limits_.per_user) {
    return Fail(Code::kResourceExhausted,
                fmt::format("user \"{}\" has {} sessions on this node, as many as "
                            "session.maxSessionsPerUser allows: wait until one ends, or end one",
                            Printable(user), of_user));
  }
  ++of_user;
  entries_.emplace(*id, Entry{user, {}, nullptr});
  return Slot(this, std::move(*id));
}

std::vector<SessionSnapshot> SessionRegistry::List() const {
  const std::scoped_lock lock(mutex_);
  std::vector<SessionSnapshot> list;
  for (const auto& [id, entry] : entries_) {
    if (!entry.session) continue;
    list.push_back({entry.info, entry.session->bytes_in(), entry.session->bytes_out()});
  }
  return list;
}

Result<void> SessionRegistry::End(const std::string& id, EndCause cause) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.session) {
    return Fail(Code::kNotFound, fmt::format("no session {} on this node", Printable(id)));
  }
  found->second.session->End(cause);
  return {};
}

void SessionRegistry::Stop() {
  const std::scoped_lock lock(mutex_);
  stopping_ = true;
  for (const auto& [id, entry] : entries_) {
    if (entry.session) entry.session->End(EndCause::kAgentStopping);
  }
}

bool SessionRegistry::WaitUntilEmpty(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return closed_.wait_for(lock, time, [this] { return entries_.empty(); });
}

void SessionRegistry::Close(const std::string& id) {
  // Destroyed outside the lock: that may wait for a process.
  Entry entry;
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  entry = std::move(found->second);
  entries_.erase(found);
  const auto of_user = user_count_.find(entry.user);
  if (--of_user->second == 0) user_count_.erase(of_user);
  closed_.notify_all();
}

SessionRegistry::Slot::Slot(Slot&& other) noexcept { *this = std::move(other); }

SessionRegistry::Slot& SessionRegistry::Slot::operator=(Slot&& other) noexcept {
  if (this == &other) return *this;
  if (registry_ != nullptr) registry_->Close(id_);
  registry_ = std::exchange(other.registry_, nullptr);
  id_ = std::move(other.id_);
  return *this;
}

SessionRegistry::Slot::~Slot() {
  if (registry_ != nullptr) registry_->Close(id_);
}

void SessionRegistry::Slot::Publish(SessionInfo info, std::shared_ptr<Session> session) {
  const std::scoped_lock lock(registry_->mutex_);
  Entry& entry = registry_->entries_.at(id_);
  entry.info = std::move(info);
  entry.session = std::move(session);
  // Stop() may have come between Open() and here.
  if (registry_->stopping_) entry.session->End(EndCause::kAgentStopping);
}

}  // namespace nsdebug
