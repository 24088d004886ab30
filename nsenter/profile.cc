#include "nsenter/profile.h"

#include <fmt/format.h>
#include <sys/capability.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "base/text.h"

namespace nsdebug {

namespace {

constexpr CapabilitySet Bit(int capability) { return CapabilitySet{1} << capability; }

// What containerd, CRI-O and Docker give a container that asks for nothing.
constexpr CapabilitySet kRuntimeDefault =
    Bit(CAP_CHOWN) | Bit(CAP_DAC_OVERRIDE) | Bit(CAP_FSETID) | Bit(CAP_FOWNER) | Bit(CAP_MKNOD) |
    Bit(CAP_NET_RAW) | Bit(CAP_SETGID) | Bit(CAP_SETUID) | Bit(CAP_SETFCAP) | Bit(CAP_SETPCAP) |
    Bit(CAP_NET_BIND_SERVICE) | Bit(CAP_SYS_CHROOT) | Bit(CAP_KILL) | Bit(CAP_AUDIT_WRITE);

}  // namespace

const std::vector<Profile>& Profiles() {
  static const std::vector<Profile> kProfiles = {
      {"general", "a container's default rights, and tracing of the target's processes",
       kRuntimeDefault | Bit(CAP_SYS_PTRACE), false, false},
      {"baseline", "a container's default rights", kRuntimeDefault, false, false},
      {"restricted", "no rights at all, not as root", 0, true, false},
      {"netadmin", "a container's default rights, and changes to the target's network",
       kRuntimeDefault | Bit(CAP_NET_ADMIN) | Bit(CAP_NET_RAW), false, false},
      {"sysadmin", "everything: a command of this profile can reach the node", ~CapabilitySet{0},
       false, true},
  };
  return kProfiles;
}

Result<const Profile*> FindProfile(std::string_view name) {
  std::string names;
  for (const Profile& profile : Profiles()) {
    if (profile.name == name) return &profile;
    names += (names.empty() ? "" : ", ") + std::string(profile.name);
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("unknown profile '{}': use one of {}", Printable(name), names));
}

Result<CapabilitySet> ParseCapability(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "all") return AllCapabilities();
  if (!lower.starts_with("cap_")) lower.insert(0, "cap_");
  cap_value_t value = 0;
  if (::cap_from_name(lower.c_str(), &value) != 0 || value >= ::cap_max_bits()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("unknown capability '{}' (see capabilities(7))", Printable(name)));
  }
  return Bit(value);
}

CapabilitySet AllCapabilities() { return Bit(::cap_max_bits()) - 1; }

std::vector<std::string> CapabilityNames(CapabilitySet set) {
  std::vector<std::string> names;
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    if ((set & Bit(cap)) == 0) continue;
    std::unique_ptr<char, int (*)(void*)> name(::cap_to_name(cap), ::cap_free);
    std::string upper = name == nullptr ? std::to_string(cap) : name.get();
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    names.push_back(std::move(upper));
  }
  return names;
}

}  // namespace nsdebug
