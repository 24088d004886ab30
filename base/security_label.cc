#include "base/security_label.h"

#include <utility>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

std::string WithoutEnd(std::string label) {
  while (!label.empty() && (label.back() == '\n' || label.back() == '\0')) label.pop_back();
  return label;
}

/// "cri-containerd.apparmor.d (enforce)" to the name alone.
std::string ProfileName(std::string label) {
  label = WithoutEnd(std::move(label));
  const size_t mode = label.rfind(" (");
  return mode == std::string::npos ? label : label.substr(0, mode);
}

/// It ends with a zero. Before a policy is loaded everybody has the kernel's one, a word without
/// the colons that every context of a policy has.
Result<std::string> ReadContext(const ReadProcFile& read) {
  Result<std::string> context = read("attr/current");
  if (!context) return Propagate(context.error(), "read the SELinux context of the target");
  std::string name = WithoutEnd(std::move(*context));
  return name.find(':') == std::string::npos ? std::string() : name;
}

Result<std::string> ReadProfile(const ReadProcFile& read, bool must_have_one) {
  if (Result<std::string> profile = read("attr/apparmor/current")) {
    return ProfileName(std::move(*profile));
  }
  // Before Linux 5.8 AppArmor has only the file that all modules share.
  if (!must_have_one) return std::string();
  Result<std::string> profile = read("attr/current");
  if (!profile) return Propagate(profile.error(), "read the AppArmor profile of the target");
  return ProfileName(std::move(*profile));
}

}  // namespace

SecurityModules FindSecurityModules(const std::string& proc, const std::string& sys) {
  SecurityModules modules;
  if (Result<std::string> file_systems = ReadFile(proc + "/filesystems")) {
    for (std::string_view line : Split(*file_systems, '\n')) {
      if (line.ends_with("\tselinuxfs")) modules.selinux = true;
    }
  }
  Result<std::string> enabled = ReadFile(sys + "/module/apparmor/parameters/enabled");
  modules.apparmor = enabled && enabled->starts_with('Y');
  return modules;
}

Result<SecurityLabel> ReadSecurityLabel(const ReadProcFile& read, const SecurityModules& modules) {
  SecurityLabel label;
  if (modules.selinux) {
    Result<std::string> context = ReadContext(read);
    if (!context) return Propagate(context.error());
    label.selinux = std::move(*context);
  }
  Result<std::string> profile = ReadProfile(read, modules.apparmor);
  if (!profile) return Propagate(profile.error());
  label.apparmor = std::move(*profile);
  return label;
}

std::string NameOf(const SecurityLabel& label) {
  return label.selinux.empty() ? label.apparmor : label.selinux;
}

}  // namespace nsdebug
