#include "nsenter/explain.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "nsenter/find_target.h"

namespace nsdebug {

namespace {

using nlohmann::ordered_json;

uint64_t InodeOf(const NamespaceJoin& join, const ProcessHandle* process) {
  struct stat info {};
  if (join.fd.valid()) return ::fstat(join.fd.get(), &info) == 0 ? info.st_ino : 0;
  return InodeAt(process->proc(), fmt::format("ns/{}", join.type->name));
}

ordered_json NamespacesOf(const Plan& plan) {
  ordered_json rows = ordered_json::array();
  for (const NamespaceType& type : kNamespaceTypes) {
    const uint64_t own = InodeAt(AT_FDCWD, fmt::format("/proc/self/ns/{}", type.name));
    if (own == 0) continue;  // this kernel has no such kind
    const auto join =
        std::find_if(plan.joins.begin(), plan.joins.end(),
                     [&](const NamespaceJoin& j) { return j.type->flag == type.flag; });
    const bool created = (plan.new_namespaces & type.flag) != 0;
    const bool joined = join != plan.joins.end();
    const uint64_t inode = joined ? InodeOf(*join, plan.process ? &*plan.process : nullptr) : own;
    const char* how = created ? "created" : joined ? "joined" : "kept";
    ordered_json row = {{"type", type.name}, {"action", how}};
    if (!created) {
      row["inode"] = inode;
      row["sameAsCaller"] = inode == own;
      if (joined) row["of"] = join->object;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string IdText(const std::optional<Options::Id>& id, const char* unchanged) {
  if (!id) return unchanged;
  return id->follow ? "the target's" : std::to_string(id->value);
}

ordered_json CapabilityNames() {
  ordered_json names = ordered_json::array();
  for (cap_value_t cap = 0; cap < ::cap_max_bits(); ++cap) {
    if (::cap_get_bound(cap) != 1) continue;
    std::unique_ptr<char, int (*)(void*)> name(::cap_to_name(cap), ::cap_free);
    if (name != nullptr) names.push_back(name.get());
  }
  return names;
}

std::string CgroupText(const Plan& plan) {
  if (plan.cgroups.empty()) return "ns-enter's own";
  std::string text;
  for (const CgroupMembership& cgroup : plan.cgroups) {
    text += (text.empty() ? "" : ", ") + cgroup.path;
  }
  return text;
}

/// What explain says, as one object; the text form is printed from it.
ordered_json Facts(const Plan& plan, const Target& target) {
  const pid_t pid = plan.process ? plan.process->pid() : 0;
  ordered_json facts;
  if (plan.process || !target.container_id.empty()) {
    ordered_json& shown = facts["target"];
    shown["description"] = Describe(target, pid);
    if (pid > 0) shown["pid"] = pid;
    if (!target.container_id.empty()) {
      shown["runtime"] = target.runtime;
      shown["podNamespace"] = target.pod_namespace;
      shown["podName"] = target.pod_name;
      shown["containerName"] = target.container_name;
      shown["containerId"] = target.container_id;
    }
  }
  facts["namespaces"] = NamespacesOf(plan);
  facts["root"] = plan.root.valid() ? "changed" : "of the mount namespace";
  facts["user"] = IdText(plan.credentials.uid, "unchanged");
  facts["group"] = IdText(plan.credentials.gid, "unchanged");
  facts["supplementaryGroups"] = plan.credentials.drop_groups ? "dropped" : "unchanged";
  facts["environment"] = plan.environment ? "the target's" : "unchanged";
  facts["cgroup"] = CgroupText(plan);
  facts["capabilityBoundingSet"] = CapabilityNames();
  facts["forks"] = plan.fork;
  facts["command"] = plan.command;
  return facts;
}

std::string RowText(const ordered_json& row) {
  std::string text =
      fmt::format("  {:<7}{:<8}", row["type"].get<std::string>(), row["action"].get<std::string>());
  if (row.contains("inode")) {
    text += fmt::format(" {:<12}", row["inode"].get<uint64_t>());
    if (row.contains("of")) text += " of " + Printable(row["of"].get<std::string>());
    if (row["sameAsCaller"].get<bool>() && row.contains("of")) text += " (ours already)";
  }
  return text + "\n";
}

std::string TextOf(const ordered_json& facts) {
  std::string text;
  if (facts.contains("target")) {
    text += "target: " + facts["target"]["description"].get<std::string>() + "\n";
  }
  text += "namespaces:\n";
  for (const ordered_json& row : facts["namespaces"]) text += RowText(row);
  for (const char* name :
       {"root", "user", "group", "supplementaryGroups", "environment", "cgroup"}) {
    text += fmt::format("{}: {}\n", name, facts[name].get<std::string>());
  }
  text += fmt::format("capabilityBoundingSet: {} of them, see -o json\n",
                      facts["capabilityBoundingSet"].size());
  text += fmt::format("forks: {}\n", facts["forks"].get<bool>() ? "yes" : "no");
  std::string command;
  for (const ordered_json& word : facts["command"]) {
    command += (command.empty() ? "" : " ") + Printable(word.get<std::string>());
  }
  return text + "command: " + (command.empty() ? "the shell" : command) + "\n";
}

}  // namespace

Result<std::string> Explain(const Plan& plan, const Target& target, bool json) {
  try {
    const ordered_json facts = Facts(plan, target);
    if (!json) return TextOf(facts);
    return facts.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, std::string("explain: ") + e.what());
  }
}

}  // namespace nsdebug
