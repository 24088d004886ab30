#pragma once

#include "base/error.h"
#include "nsenter/profile.h"

namespace nsdebug {

/// The five capability sets of a process, and what an exec after them may add.
struct CapabilitySets {
  CapabilitySet bounding = 0;
  CapabilitySet permitted = 0;
  CapabilitySet effective = 0;
  CapabilitySet inheritable = 0;
  CapabilitySet ambient = 0;
};

/// The sets of a command that runs with the rights of `allowed` and nothing else: inheritable and
/// ambient stay empty, or a file with inheritable capabilities could give them to another user
/// (CVE-2022-24769).
CapabilitySets SetsFor(CapabilitySet allowed);

/// Drops everything outside the bounding set, for good. Needs CAP_SETPCAP, so it comes before
/// ApplySets and before the change of user.
Result<void> DropBounding(CapabilitySet keep);

/// Sets permitted, effective, inheritable and ambient of the calling thread.
Result<void> ApplySets(const CapabilitySets& sets);

}  // namespace nsdebug
