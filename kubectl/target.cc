#include "kubectl/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "base/text.h"
#include "kubectl/nearest.h"

namespace nsdebug::kubectl {

namespace {

constexpr size_t kMaxNameBytes = 253;

struct KindEntry {
  TargetKind kind;
  std::string_view singular;
  std::string_view plural;
  std::string_view short_name;  ///< empty: it has none
  std::string_view group;
};

constexpr std::array<KindEntry, 9> kKinds = {{
    {TargetKind::kPod, "pod", "pods", "po", ""},
    {TargetKind::kDeployment, "deployment", "deployments", "deploy", "apps"},
    {TargetKind::kReplicaSet, "replicaset", "replicasets", "rs", "apps"},
    {TargetKind::kStatefulSet, "statefulset", "statefulsets", "sts", "apps"},
    {TargetKind::kDaemonSet, "daemonset", "daemonsets", "ds", "apps"},
    {TargetKind::kJob, "job", "jobs", "", "batch"},
    {TargetKind::kCronJob, "cronjob", "cronjobs", "cj", "batch"},
    {TargetKind::kService, "service", "services", "svc", ""},
    {TargetKind::kNode, "node", "nodes", "no", ""},
}};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

/// A name in the API: a DNS subdomain. Whatever else it is, it would change the path of a request.
bool IsObjectName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && text.front() != '.' &&
         text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

/// Whether "GROUP" or "VERSION.GROUP" is the kind's; "v1" alone is the version of the core's.
bool IsGroupOf(std::string_view text, std::string_view group) {
  if (text == group) return true;
  constexpr std::string_view kVersion = "v1";
  if (group.empty()) return text == kVersion;
  return text.starts_with("v1.") && text.substr(kVersion.size() + 1) == group;
}

const KindEntry* FindKind(std::string_view type) {
  const size_t dot = type.find('.');
  const std::string_view resource = type.substr(0, dot);
  for (const KindEntry& entry : kKinds) {
    const bool is_named = resource == entry.singular || resource == entry.plural ||
                          (!resource.empty() && resource == entry.short_name);
    if (!is_named) continue;
    if (dot == std::string_view::npos || IsGroupOf(type.substr(dot + 1), entry.group)) {
      return &entry;
    }
  }
  return nullptr;
}

Failure UnknownType(std::string_view type) {
  std::vector<std::string_view> names;
  for (const KindEntry& entry : kKinds) {
    names.push_back(entry.singular);
    names.push_back(entry.plural);
  }
  const KindEntry* nearest = FindKind(NearestOf(type, names));
  return Fail(
      Code::kInvalidArgument,
      fmt::format("there is nothing to enter in a '{}'{}: use one of pod, deploy, rs, sts, "
                  "ds, job, cronjob, svc and node",
                  Printable(type),
                  nearest == nullptr ? std::string()
                                     : fmt::format(" (did you mean {}?)", nearest->singular)));
}

}  // namespace

std::string_view KindName(TargetKind kind) {
  for (const KindEntry& entry : kKinds) {
    if (entry.kind == kind) return entry.singular;
  }
  return "pod";
}

std::string ObjectPath(const TargetName& target, std::string_view name_space) {
  for (const KindEntry& entry : kKinds) {
    if (entry.kind != target.kind) continue;
    const std::string api =
        entry.group.empty() ? "/api/v1" : fmt::format("/apis/{}/v1", entry.group);
    if (entry.kind == TargetKind::kNode) return fmt::format("{}/nodes/{}", api, target.name);
    return fmt::format("{}/namespaces/{}/{}/{}", api, name_space, entry.plural, target.name);
  }
  return {};
}

Result<TargetName> ParseTargetName(std::string_view argument) {
  if (argument.empty()) {
    return Fail(Code::kInvalidArgument, "a TARGET must be specified: POD or TYPE/NAME");
  }
  const auto parts = Split(argument, '/');
  if (parts.size() > 2) {
    return Fail(Code::kInvalidArgument,
                "arguments in resource/name form may not have more than one slash");
  }
  if (parts.size() == 2 && (parts[0].empty() || parts[1].empty())) {
    return Fail(Code::kInvalidArgument,
                "arguments in resource/name form must have a single resource and name");
  }
  TargetName target;
  if (parts.size() == 2) {
    const std::string type = Lower(parts[0]);
    const KindEntry* entry = FindKind(type);
    if (entry == nullptr) return UnknownType(parts[0]);
    target.kind = entry->kind;
  }
  target.name = std::string(parts.back());
  if (!IsObjectName(target.name)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("'{}' cannot be the name of a {}: names have lower-case letters, "
                            "digits, '-' and '.'",
                            Printable(target.name), KindName(target.kind)));
  }
  return target;
}

}  // namespace nsdebug::kubectl
