#pragma once

#include <string>

#include "agent/server/message.h"
#include "agent/session/session_registry.h"

namespace nsdebug {

/// Who is in what, and the end of it.
class SessionsHandler {
 public:
  /// `sessions` outlives this.
  explicit SessionsHandler(SessionRegistry* sessions) : sessions_(sessions) {}

  Response List() const;
  Response End(const Request& request) const;

 private:
  SessionRegistry* sessions_;
};

}  // namespace nsdebug
