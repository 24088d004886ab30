#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// The exit codes of shells and nsenter for a command that could not be started.
inline constexpr int kExitSetupFailed = 1;
inline constexpr int kExitCannotExecute = 126;
inline constexpr int kExitNotFound = 127;

/// A command that exec(3) refused.
struct ExecFailure {
  int exit_code;
  std::string message;
};

/// Replaces the process by the command, looked up in the PATH of the environment and the file
/// system as they are now. Returns only on failure.
ExecFailure ExecProgram(const std::vector<std::string>& command);

/// Replaces the process by a login shell, chosen as nsenter does: $SHELL, else the shell of our
/// user in /etc/passwd, else /bin/sh. /etc/passwd is the target's and hostile: it is read here,
/// without the name service switch, which would load the target's libraries into this privileged
/// process (CVE-2019-14271).
ExecFailure ExecShell();

/// Home directory and login shell of a user.
struct PasswdEntry {
  std::string home;
  std::string shell;
};

/// The user's entry in the text of an /etc/passwd; empty fields when there is none.
PasswdEntry FindInPasswd(std::string_view passwd, unsigned uid);

/// The user's entry in /etc/passwd as it is now, read as ExecShell() does.
PasswdEntry ReadPasswdEntry(unsigned uid);

}  // namespace nsdebug
