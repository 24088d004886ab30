#include "nsenter/capabilities.h"

#include <fmt/format.h>
#include <sys/capability.h>

#include <memory>

namespace nsdebug {

namespace {

bool Has(CapabilitySet set, cap_value_t capability) { return ((set >> capability) & 1) != 0; }

}  // namespace

CapabilitySets SetsFor(CapabilitySet allowed) {
  return {.bounding = allowed, .permitted = allowed, .effective = allowed};
}

Result<void> DropBounding(CapabilitySet keep) {
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    if (Has(keep, cap) || ::cap_get_bound(cap) != 1) continue;
    if (::cap_drop_bound(cap) != 0) {
      return FailErrno(fmt::format("drop capability {} from the bounding set", cap));
    }
  }
  return {};
}

Result<void> ApplySets(const CapabilitySets& sets) {
  if (::cap_reset_ambient() != 0) return FailErrno("clear the ambient capabilities");
  std::unique_ptr<void, int (*)(void*)> current_owner(::cap_get_proc(), ::cap_free);
  std::unique_ptr<void, int (*)(void*)> wanted_owner(::cap_init(), ::cap_free);
  auto current = static_cast<cap_t>(current_owner.get());
  auto wanted = static_cast<cap_t>(wanted_owner.get());
  if (current == nullptr || wanted == nullptr) return FailErrno("read capabilities");
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    // What we do not have ourselves cannot be given: capset(2) would refuse all of it.
    cap_flag_value_t held = CAP_CLEAR;
    ::cap_get_flag(current, cap, CAP_PERMITTED, &held);
    if (held == CAP_CLEAR) continue;
    if (Has(sets.permitted, cap)) ::cap_set_flag(wanted, CAP_PERMITTED, 1, &cap, CAP_SET);
    if (Has(sets.effective, cap)) ::cap_set_flag(wanted, CAP_EFFECTIVE, 1, &cap, CAP_SET);
    if (Has(sets.inheritable, cap)) ::cap_set_flag(wanted, CAP_INHERITABLE, 1, &cap, CAP_SET);
  }
  if (::cap_set_proc(wanted) != 0) return FailErrno("set capabilities");
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    if (Has(sets.ambient, cap) && ::cap_set_ambient(cap, CAP_SET) != 0) {
      return FailErrno(fmt::format("raise ambient capability {}", cap));
    }
  }
  return {};
}

}  // namespace nsdebug
