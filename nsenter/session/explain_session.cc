#include "nsenter/session/explain_session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/io.h"
#include "base/text.h"
#include "nsenter/find_target.h"
#include "nsenter/process_handle.h"
#include "nsenter/session/identity.h"
#include "nsenter/session/tools_exposure.h"
#include "nsenter/view/toolbox.h"

namespace nsdebug {

namespace {

using nlohmann::ordered_json;

uint64_t InodeOfHandle(const Target& target, std::string_view kind) {
  struct stat info {};
  for (const NamespaceHandle& handle : target.namespaces) {
    if (handle.kind == kind && ::fstat(handle.fd.get(), &info) == 0) return info.st_ino;
  }
  return 0;
}

class Explanation {
 public:
  Explanation(const SessionSpec& spec, const Target& target,
              const std::optional<ProcessHandle>& process, const std::optional<Identity>& identity,
              Exposure exposure)
      : spec_(spec), target_(target), process_(process), identity_(identity), exposure_(exposure) {}

  ordered_json Facts() const {
    ordered_json facts;
    facts["target"] = TargetFacts();
    facts["view"] = ViewName(spec_.view);
    facts["files"] = Files();
    if (spec_.view == View::kToolbox) {
      facts["targetCanReadTools"] = exposure_ != Exposure::kNone;
      if (exposure_ != Exposure::kNone && !spec_.tools) {
        facts["refused"] = ExposureError(exposure_).message;
      }
    }
    facts["namespaces"] = Namespaces();
    facts["user"] = User();
    facts["profile"] = identity_ ? "the container's own" : std::string(spec_.profile->name);
    facts["capabilities"] =
        CapabilityNames(identity_ ? identity_->capabilities.bounding : spec_.capabilities);
    facts["noNewPrivileges"] = identity_ ? identity_->no_new_privs : !spec_.profile->unrestricted;
    facts["seccomp"] = identity_ ? identity_->seccomp : !spec_.profile->unrestricted;
    facts["label"] = Label();
    facts["cgroup"] = Cgroup();
    if (spec_.deadline.count() > 0) facts["deadlineMs"] = spec_.deadline.count();
    facts["terminal"] = spec_.tty;
    facts["command"] = spec_.command;
    return facts;
  }

 private:
  ordered_json TargetFacts() const {
    const pid_t pid = process_ ? process_->pid() : 0;
    ordered_json facts = {{"description", Describe(target_, pid)}};
    if (pid > 0) facts["pid"] = pid;
    if (target_.container_id.empty()) return facts;
    facts["runtime"] = target_.runtime;
    facts["podNamespace"] = target_.pod_namespace;
    facts["podName"] = target_.pod_name;
    facts["containerName"] = target_.container_name;
    facts["containerId"] = target_.container_id;
    return facts;
  }

  std::string Files() const {
    switch (spec_.view) {
      case View::kContainer:
        return "the container's";
      case View::kHost:
        return "ns-enter's own";
      case View::kToolbox:
        return CanOverlay(ToolsRoot(spec_))
                   ? fmt::format("overlay of {}, the target's at /target",
                                 Printable(ToolsRoot(spec_)))
                   : fmt::format("{} read-only (overlayfs is refused here), /tmp and /run writable",
                                 Printable(ToolsRoot(spec_)));
    }
    return {};
  }

  ordered_json Namespaces() const {
    ordered_json rows = ordered_json::array();
    for (const NamespaceType& type : kNamespaceTypes) {
      const uint64_t own = InodeAt(AT_FDCWD, fmt::format("/proc/self/ns/{}", type.name));
      if (own == 0) continue;
      const uint64_t other = process_ ? InodeAt(process_->proc(), fmt::format("ns/{}", type.name))
                                      : InodeOfHandle(target_, type.name);
      const char* action = Action(type.flag, own, other);
      ordered_json row = {{"type", type.name}, {"action", action}};
      if (std::string_view(action) != "created") {
        row["inode"] = std::string_view(action) == "joined" ? other : own;
        row["sameAsCaller"] = row["inode"] == own;
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

  const char* Action(int flag, uint64_t own, uint64_t other) const {
    if (flag == CLONE_NEWNS) {
      if (spec_.view == View::kToolbox) return "created";
      return spec_.view == View::kContainer ? "joined" : "kept";
    }
    if (flag == CLONE_NEWPID && spec_.view == View::kToolbox &&
        (other == 0 || (spec_.namespaces & flag) == 0)) {
      return "created";
    }
    if (other == 0) return "kept";
    if (flag == CLONE_NEWUSER) return own == other ? "kept" : "joined";
    return (spec_.namespaces & flag) != 0 ? "joined" : "kept";
  }

  std::string User() const {
    if (spec_.uid) return std::to_string(*spec_.uid);
    if (identity_) return std::to_string(identity_->uid);
    return spec_.profile->non_root ? "65534" : "0";
  }

  /// Of SELinux or AppArmor: a session has ours, in the container view it gets the container's.
  std::string Label() const {
    Result<SecurityLabel> label;
    if (identity_) {
      label = identity_->label;
    } else {
      label =
          ReadSecurityLabel([](const std::string& name) { return ReadFile("/proc/self/" + name); },
                            FindSecurityModules());
    }
    if (!label) return "unknown: " + label.error().message;
    const std::string name = NameOf(*label);
    return name.empty() ? "none" : Printable(name);
  }

  ordered_json Cgroup() const {
    if (spec_.join_target_cgroup || spec_.view == View::kContainer) {
      return {{"parent", "the target's own"}};
    }
    if (spec_.cgroup_parent.empty()) return {{"parent", "ns-enter's own"}};
    return {{"parent", spec_.cgroup_parent},
            {"memoryBytes", spec_.limits.memory_bytes},
            {"pids", spec_.limits.pids},
            {"cpuMillis", spec_.limits.cpu_millis}};
  }

  const SessionSpec& spec_;
  const Target& target_;
  const std::optional<ProcessHandle>& process_;
  const std::optional<Identity>& identity_;
  Exposure exposure_;
};

std::string ValueText(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array() || value.is_object()) {
    std::string text;
    for (const auto& item : value.items()) {
      const std::string key = value.is_object() ? item.key() + " " : "";
      text += (text.empty() ? "" : value.is_object() ? ", " : " ") + key + ValueText(item.value());
    }
    return text;
  }
  return value.dump();
}

std::string TextOf(const ordered_json& facts) {
  std::string text;
  for (const auto& item : facts.items()) {
    if (item.key() == "namespaces") {
      text += "namespaces:\n";
      for (const ordered_json& row : item.value()) {
        text += fmt::format("  {:<7}{:<8}", row["type"].get<std::string>(),
                            row["action"].get<std::string>());
        if (row.contains("inode")) text += fmt::format(" {}", row["inode"].get<uint64_t>());
        if (row.value("sameAsCaller", false)) text += " (ours)";
        text += "\n";
      }
    } else if (item.key() == "target") {
      text += "target: " + item.value()["description"].get<std::string>() + "\n";
    } else {
      const std::string value = Printable(ValueText(item.value()), 2000);
      const bool shell = item.key() == "command" && value.empty();
      text += fmt::format("{}: {}\n", item.key(), shell ? "the shell" : value);
    }
  }
  return text;
}

}  // namespace

Result<std::string> ExplainSession(const SessionSpec& spec, const Target& target, bool json) {
  std::optional<ProcessHandle> process;
  std::optional<Identity> identity;
  if (target.pidfd.valid()) {
    Result<ProcessHandle> opened =
        ProcessHandle::FromPidfd(UniqueFd(::fcntl(target.pidfd.get(), F_DUPFD_CLOEXEC, 0)));
    if (!opened) return Propagate(opened.error());
    process = std::move(*opened);
  }
  if (spec.view == View::kContainer && process) {
    Result<Identity> container =
        ContainerIdentity(*process, target.process_spec, FindSecurityModules());
    if (!container) return Propagate(container.error());
    identity = std::move(*container);
  }
  Exposure exposure = Exposure::kNone;
  if (spec.view == View::kToolbox && process) {
    Result<Exposure> found = FindExposure(spec, *process, target.process_spec);
    if (!found) return Propagate(found.error());
    exposure = *found;
  }
  try {
    const ordered_json facts = Explanation(spec, target, process, identity, exposure).Facts();
    if (!json) return TextOf(facts);
    return facts.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, std::string("explain: ") + e.what());
  }
}

}  // namespace nsdebug
