#include "kubectl/pod.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/timestamp.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::json;

constexpr const char* kDefaultContainer = "kubectl.kubernetes.io/default-container";

struct ContainerList {
  const char* spec;
  const char* status;
  ContainerKind kind;
};

constexpr std::array<ContainerList, 3> kLists = {{
    {"containers", "containerStatuses", ContainerKind::kRegular},
    {"initContainers", "initContainerStatuses", ContainerKind::kInit},
    {"ephemeralContainers", "ephemeralContainerStatuses", ContainerKind::kEphemeral},
}};

/// A member; null when it is missing. Of what is no object, too: then all of it is missing.
const json& MemberOf(const json& object, const char* name) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto member = object.find(name);
  return member == object.end() ? kNothing : *member;
}

std::string StringOf(const json& object, const char* name) {
  const json& member = MemberOf(object, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}

int IntOf(const json& object, const char* name) {
  const json& member = MemberOf(object, name);
  return member.is_number_integer() ? member.get<int>() : 0;
}

std::optional<std::chrono::system_clock::time_point> TimeOf(const json& object, const char* name) {
  return ParseTimestamp(StringOf(object, name));
}

bool IsTrue(const json& object, const char* name) {
  const json& member = MemberOf(object, name);
  return member.is_boolean() && member.get<bool>();
}

void ReadState(const json& status, Container& container) {
  container.restarts = IntOf(status, "restartCount");
  container.has_started = IsTrue(status, "started");
  const json& state = MemberOf(status, "state");
  if (const json& waiting = MemberOf(state, "waiting"); waiting.is_object()) {
    container.state = ContainerState::kWaiting;
    container.reason = StringOf(waiting, "reason");
  } else if (const json& terminated = MemberOf(state, "terminated"); terminated.is_object()) {
    container.state = ContainerState::kTerminated;
    container.reason = StringOf(terminated, "reason");
    container.exit_code = IntOf(terminated, "exitCode");
  } else if (MemberOf(state, "running").is_object()) {
    container.state = ContainerState::kRunning;
  }
}

void ReadContainers(const json& spec, const json& status, Pod& pod) {
  for (const ContainerList& list : kLists) {
    for (const json& entry : MemberOf(spec, list.spec)) {
      Container container;
      container.name = StringOf(entry, "name");
      container.kind = list.kind;
      container.is_sidecar =
          list.kind == ContainerKind::kInit && StringOf(entry, "restartPolicy") == "Always";
      for (const json& told : MemberOf(status, list.status)) {
        if (StringOf(told, "name") == container.name) ReadState(told, container);
      }
      pod.containers.push_back(std::move(container));
    }
  }
}

void ReadConditions(const json& status, Pod& pod) {
  for (const json& condition : MemberOf(status, "conditions")) {
    const std::string type = StringOf(condition, "type");
    const bool is_true = StringOf(condition, "status") == "True";
    if (type == "Ready" && is_true) {
      pod.is_ready = true;
      pod.ready_since = TimeOf(condition, "lastTransitionTime");
    }
    if (type == "PodScheduled" && !is_true && pod.reason.empty()) {
      pod.reason = StringOf(condition, "reason");
    }
  }
}

Pod PodOf(const json& object) {
  const json& metadata = MemberOf(object, "metadata");
  const json& spec = MemberOf(object, "spec");
  const json& status = MemberOf(object, "status");
  Pod pod;
  pod.name_space = StringOf(metadata, "namespace");
  pod.name = StringOf(metadata, "name");
  pod.uid = StringOf(metadata, "uid");
  pod.node_name = StringOf(spec, "nodeName");
  pod.phase = StringOf(status, "phase");
  pod.reason = StringOf(status, "reason");
  pod.default_container = StringOf(MemberOf(metadata, "annotations"), kDefaultContainer);
  for (const auto& [key, value] : MemberOf(metadata, "labels").items()) {
    if (value.is_string()) pod.labels[key] = value.get<std::string>();
  }
  pod.is_terminating = !StringOf(metadata, "deletionTimestamp").empty();
  pod.created = TimeOf(metadata, "creationTimestamp");
  ReadContainers(spec, status, pod);
  ReadConditions(status, pod);
  return pod;
}

bool IsPod(const json& object) { return !StringOf(MemberOf(object, "metadata"), "name").empty(); }

}  // namespace

Result<Pod> ParsePod(std::string_view text) {
  try {
    const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!IsPod(object)) return Fail(Code::kInternal, "the API server's answer is not a pod");
    return PodOf(object);
  } catch (const std::exception&) {
    return Fail(Code::kInternal, "the API server's answer is not a pod");
  }
}

Result<std::vector<Pod>> ParsePodList(std::string_view text) {
  constexpr const char* kNoList = "the API server's answer is not a list of pods";
  try {
    const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const json& items = MemberOf(object, "items");
    if (!object.is_object() || !(items.is_array() || items.is_null())) {
      return Fail(Code::kInternal, kNoList);
    }
    std::vector<Pod> pods;
    for (const json& item : items) {
      if (!IsPod(item)) return Fail(Code::kInternal, kNoList);
      pods.push_back(PodOf(item));
    }
    return pods;
  } catch (const std::exception&) {
    return Fail(Code::kInternal, kNoList);
  }
}

}  // namespace nsdebug::kubectl
