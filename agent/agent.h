#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/config/config.h"
#include "base/error.h"

namespace nsdebug {

/// The agent with all its parts, from its listening sockets to the sessions.
class Agent {
 public:
  /// Binds its ports and reads its files, so that what is wrong shows now.
  static Result<std::unique_ptr<Agent>> Make(const Config& config);
  ~Agent();

  /// Serves, on threads of its own.
  void Start();

  /// After SIGHUP.
  void ReopenAudit();

  /// No new connections, requests and sessions; those there are get `stop_grace` to end. Tells
  /// whether they did: what is left dies with the process.
  bool Stop();

  uint16_t port() const;

 private:
  class Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace nsdebug
