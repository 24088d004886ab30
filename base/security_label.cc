#include "base/security_label.h"

#include <unistd.h>

#include <utility>

namespace nsdebug {

namespace {

/// "cri-containerd.apparmor.d (enforce)" to the name alone. SELinux ends its own with a zero.
std::string LabelName(std::string label) {
  while (!label.empty() && (label.back() == '\n' || label.back() == '\0')) label.pop_back();
  const size_t mode = label.rfind(" (");
  return mode == std::string::npos ? label : label.substr(0, mode);
}

std::string ReadLabel(const ReadProcFile& read, const std::string& name) {
  Result<std::string> label = read(name);
  return label ? LabelName(std::move(*label)) : "";
}

}  // namespace

SecurityLabel ReadSecurityLabel(const ReadProcFile& read) {
  SecurityLabel label;
  // Where AppArmor came first, it answers in the file without a name too.
  if (::access("/sys/fs/selinux/enforce", F_OK) == 0) {
    label.selinux = ReadLabel(read, "attr/current");
  }
  label.apparmor = ReadLabel(read, "attr/apparmor/current");
  return label;
}

std::string NameOf(const SecurityLabel& label) {
  return label.selinux.empty() ? label.apparmor : label.selinux;
}

}  // namespace nsdebug
