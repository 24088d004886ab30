#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// What every mount of a view has: no device node and no set-user-ID file in it counts.
inline constexpr unsigned long kSafeMountFlags = 0x2 /* MS_NOSUID */ | 0x4 /* MS_NODEV */;

/// mount(2); errors name the type and the place, and for a refusal by a security module or a
/// seccomp profile what to change.
Result<void> Mount(const std::string& source, const std::string& target, const char* type,
                   unsigned long flags, const std::string& data);

/// Makes the directory if it is missing, then mounts on it.
Result<void> MountOnNew(const std::string& source, const std::string& target, const char* type,
                        unsigned long flags, const std::string& data);

/// Binds `source` over `target` and sets MOUNT_ATTR_* attributes on the bind (Linux 5.12).
Result<void> Bind(const std::string& source, const std::string& target, uint64_t attributes);

/// A tmpfs of at most `megabytes`, which also bounds its files: they count as memory of whoever
/// writes them.
Result<void> MountTmpfs(const std::string& target, unsigned long flags, int mode, int megabytes);

/// Makes a directory with mode 0755; one that exists is fine, a symbolic link in its place is not.
Result<void> MakeDirectory(const std::string& path);

/// Cuts every mount of our mount namespace off from its peers: nothing we mount shows outside.
Result<void> MakeMountsPrivate();

}  // namespace nsdebug
