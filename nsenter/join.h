#pragma once

#include <vector>

#include "base/error.h"
#include "nsenter/plan.h"

namespace nsdebug {

/// Joins the namespaces, in nsenter's two passes; those without a descriptor are `process`'s. Must
/// run in a process with one thread (user, mount and time namespaces demand it). After an error
/// some of them may have been joined.
Result<void> JoinNamespaces(const std::vector<NamespaceJoin>& joins, const ProcessHandle* process);

}  // namespace nsdebug
