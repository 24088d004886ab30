#pragma once

#include <string>

#include "base/error.h"

namespace nsdebug {

/// Mounts a proc file system of our PID namespace at `path`. Unless `unrestricted`, what reaches
/// beyond the target is hidden or read-only, as the runtimes do it: to root without a user
/// namespace /proc/sys, sysrq-trigger and their like are the whole node's. Network settings stay
/// writable where `network_settings` says so: they are those of the network namespace.
Result<void> BuildProc(const std::string& path, bool unrestricted, bool network_settings);

/// A new /dev at `path`: null, zero, full, random, urandom, tty, its own pseudo-terminals and
/// shared memory, and the usual links. Read-only afterwards, so that no other node can be made in
/// it.
Result<void> BuildDev(const std::string& path);

/// Mounts sysfs of our network namespace at `path`, read-only.
Result<void> BuildSys(const std::string& path);

}  // namespace nsdebug
