#pragma once

#include <string_view>

#include "base/error.h"

namespace nsdebug {

/// Writes "ns-enter: message" and a newline to stderr, in one write, so that lines of several
/// processes do not mix.
void ReportError(std::string_view message);

/// Reports why the set-up failed and returns the exit code for that.
int ReportSetupFailure(const Error& error);

}  // namespace nsdebug
