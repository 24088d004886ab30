#pragma once

#include <string_view>

namespace nsdebug::kubectl {

/// What --help says after the options: what can be named, and examples by what one wants to know.
extern const std::string_view kHelpFooter;

}  // namespace nsdebug::kubectl
