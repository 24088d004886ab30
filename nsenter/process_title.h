#pragma once

namespace nsdebug {

/// Remembers where our command line lies in memory. First thing in main.
void RememberCommandLine(int argc, char* argv[]);

/// Overwrites our command line, which every process that sees us can read, with `title`, cut to
/// fit: the target has no business with the arguments of a session.
void SetProcessTitle(const char* title);

}  // namespace nsdebug
