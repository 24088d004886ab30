#pragma once

#include <string>

namespace nsdebug {

/// What --help prints.
std::string HelpText();

/// What --version prints.
std::string VersionText();

}  // namespace nsdebug
