#pragma once

#include <string>

#include "base/error.h"
#include "base/target.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// What running the session would do: target, view, namespaces, rights, limits, security label.
/// Nothing of the target is entered; whether overlayfs can show the tools is tried in a child
/// process.
Result<std::string> ExplainSession(const SessionSpec& spec, const Target& target, bool json);

}  // namespace nsdebug
