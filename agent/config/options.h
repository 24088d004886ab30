#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"

namespace nsdebug {

/// For usage and configuration errors, as sysexits-minded shells and getopt programs have it.
inline constexpr int kExitUsage = 2;

/// The value of an environment variable, if there is one.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The calling process's own.
Environment ProcessEnvironment();

/// What the command line asks for. Whatever `run` says, `out` is for standard output and `err` for
/// standard error, lines that end with a newline.
struct CommandLine {
  bool run = false;  ///< false: print, and exit with `exit_code`
  int exit_code = 0;
  std::string out;
  std::string err;
  Config config;  ///< checked, with node_name set; of use only when `run`
};

/// Flags before environment before file before defaults. `arguments` are without the program's
/// name.
CommandLine ReadCommandLine(const std::vector<std::string>& arguments,
                            const Environment& environment);

}  // namespace nsdebug
