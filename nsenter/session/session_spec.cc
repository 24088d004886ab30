#include "nsenter/session/session_spec.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace nsdebug {

namespace {

constexpr std::array<std::string_view, 3> kViewNames = {"toolbox", "container", "host"};

}  // namespace

std::string_view ViewName(View view) { return kViewNames[static_cast<size_t>(view)]; }

Result<View> ParseView(std::string_view name) {
  for (size_t i = 0; i < kViewNames.size(); ++i) {
    if (kViewNames[i] == name) return static_cast<View>(i);
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("unknown view '{}': use toolbox, container or host", Printable(name)));
}

std::string ToolsRoot(const SessionSpec& spec) { return spec.tools.value_or("/"); }

Result<void> CheckSpec(const SessionSpec& spec) {
  const bool root = !spec.uid || *spec.uid == 0;
  if (spec.profile->non_root && spec.uid && root) {
    return Fail(Code::kInvalidArgument,
                fmt::format("profile {} does not run as user 0", spec.profile->name));
  }
  if (spec.cgroup_parent.find("..") != std::string::npos ||
      (!spec.cgroup_parent.empty() && spec.cgroup_parent.front() != '/')) {
    return Fail(Code::kInvalidArgument,
                fmt::format("cgroup parent '{}' is not an absolute path without ..",
                            Printable(spec.cgroup_parent)));
  }
  for (const std::string& variable : spec.environment) {
    if (variable.find('=') == std::string::npos || variable.front() == '=') {
      return Fail(Code::kInvalidArgument,
                  fmt::format("environment '{}' is not NAME=VALUE", Printable(variable)));
    }
  }
  return {};
}

}  // namespace nsdebug
