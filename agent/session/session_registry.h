#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/audit/event.h"
#include "agent/session/session.h"
#include "base/error.h"

namespace nsdebug {

/// What there is to say about an open session.
struct SessionInfo {
  AuditSubject subject;
  bool tty = false;
  std::chrono::system_clock::time_point opened;
};

struct SessionSnapshot {
  SessionInfo info;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

/// The open sessions, and how many there may be. Any thread.
class SessionRegistry {
 public:
  struct Limits {
    uint64_t total = 0;
    uint64_t per_user = 0;
  };

  /// A place in the registry, given back by its destructor. It must not outlive the registry.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot();

    const std::string& id() const { return id_; }

    /// The session runs now, and can be listed and ended.
    void Publish(SessionInfo info, std::shared_ptr<Session> session);

   private:
    friend class SessionRegistry;
    Slot(SessionRegistry* registry, std::string id) : registry_(registry), id_(std::move(id)) {}

    SessionRegistry* registry_ = nullptr;
    std::string id_;
  };

  explicit SessionRegistry(Limits limits) : limits_(limits) {}

  /// Takes a place before anything is looked up for the session, so that the limits bound that work
  /// too. kResourceExhausted: whose limit it is; kUnavailable: the agent is stopping.
  Result<Slot> Open(const std::string& user);

  std::vector<SessionSnapshot> List() const;

  /// kNotFound when there is none of that id.
  Result<void> End(const std::string& id, EndCause cause);

  /// No more sessions; asks those there are to end.
  void Stop();

  /// Waits until no session is left, for at most `time`. Tells whether that is so.
  bool WaitUntilEmpty(std::chrono::milliseconds time);

 private:
  struct Entry {
    std::string user;
    SessionInfo info;
    std::shared_ptr<Session> session;  ///< null until it is published
  };

  void Close(const std::string& id);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable closed_;
  std::map<std::string, Entry> entries_;        // guarded by mutex_
  std::map<std::string, uint64_t> user_count_;  // guarded by mutex_
  bool stopping_ = false;                       // guarded by mutex_
};

}  // namespace nsdebug
