#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/config/config.h"

namespace nsdebug {

/// A larger file is not a configuration.
inline constexpr size_t kMaxConfigFileBytes = size_t{256} << 10;

/// More problems than these are counted, not told.
inline constexpr size_t kMaxProblems = 50;

/// What is wrong, one line each, all of it; empty: nothing is.
using Problems = std::vector<std::string>;

/// A configuration and where its values come from.
struct Settings {
  Config config;
  /// By key: "agent.yaml:12", "--listen", "NODE_NAME". What is not in here is at its default.
  std::map<std::string, std::string> origins;
};

/// Reads a file over `settings`; a key that is not in the file leaves its value alone, and so does
/// one whose value is wrong. An empty file is right. Each problem is "FILE:LINE: KEY: what is wrong
/// and what was expected".
Problems ReadConfigFile(const std::string& path, Settings& settings);

/// The same of a text that stands in a file of this name.
Problems ReadConfigText(const std::string& text, const std::string& name, Settings& settings);

}  // namespace nsdebug
