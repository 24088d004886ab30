#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// A set of capabilities, bit N for capability N.
using CapabilitySet = uint64_t;

/// What a session may do, by the names and meanings of kubectl debug --profile.
struct Profile {
  std::string_view name;
  std::string_view summary;
  CapabilitySet capabilities;
  bool non_root;      ///< the command must not run as user 0
  bool unrestricted;  ///< no seccomp filter, no_new_privs off, /proc not masked
};

inline constexpr std::string_view kDefaultProfile = "general";

/// All of them, in the order in which they are documented.
const std::vector<Profile>& Profiles();

/// kInvalidArgument names the ones there are.
Result<const Profile*> FindProfile(std::string_view name);

/// "NET_ADMIN" or "CAP_NET_ADMIN", in either case; "ALL" is every capability.
Result<CapabilitySet> ParseCapability(std::string_view name);

/// Every capability this kernel knows.
CapabilitySet AllCapabilities();

/// "CAP_CHOWN" and so on, in the kernel's order.
std::vector<std::string> CapabilityNames(CapabilitySet set);

}  // namespace nsdebug
