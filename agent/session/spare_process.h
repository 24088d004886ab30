#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/session/session_process.h"

namespace nsdebug {

/// An ns-enter that is started before anybody asks for it: to start a program of this size takes as
/// long as a quarter of a short session. There is one of them, which waits for its plan and
/// ends with the agent; after it was taken a thread of this class makes the next. Any thread may
/// call.
class SpareProcess {
 public:
  explicit SpareProcess(std::string program);
  SpareProcess(const SpareProcess&) = delete;
  SpareProcess& operator=(const SpareProcess&) = delete;
  ~SpareProcess();

  /// nullopt: there is none just now, the caller starts its own.
  std::optional<SessionProcess> Take();

 private:
  void Run();

  const std::string program_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<SessionProcess> process_;  // guarded by mutex_
  bool is_wanted_ = true;                  // guarded by mutex_
  bool is_stopping_ = false;               // guarded by mutex_
  std::thread filler_;
};

}  // namespace nsdebug
