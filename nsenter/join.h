#pragma once

#include <vector>

#include "base/error.h"
#include "nsenter/plan.h"

namespace nsdebug {

/// Joins the namespaces, in nsenter's two passes. Must run in a process with one thread (user,
/// mount and time namespaces demand it). After an error some of them may have been joined.
Result<void> JoinNamespaces(const Plan& plan);

}  // namespace nsdebug
