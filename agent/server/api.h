#pragma once

#include "agent/server/exec_handler.h"
#include "agent/server/pods_handler.h"
#include "agent/server/router.h"
#include "agent/server/sessions_handler.h"

namespace nsdebug {

/// What answers each endpoint of Routes(). The handlers outlive the result.
Router::Handlers MakeHandlers(const ExecHandler* exec, const PodsHandler* pods,
                              const SessionsHandler* sessions);

}  // namespace nsdebug
