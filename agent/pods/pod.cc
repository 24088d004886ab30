#include "agent/pods/pod.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "cri/container_choice.h"

namespace nsdebug {

namespace {

/// Of two sandboxes of one pod. Attempts count even when the clock was set back.
bool IsBetterSandbox(const cri::PodSandbox& one, const cri::PodSandbox& other) {
  const auto rank = [](const cri::PodSandbox& sandbox) {
    return std::tuple(sandbox.state == cri::SandboxState::kReady, sandbox.attempt,
                      sandbox.created_at);
  };
  return rank(one) > rank(other);
}

}  // namespace

std::vector<cri::PodSandbox> CurrentSandboxes(std::vector<cri::PodSandbox> sandboxes) {
  std::map<std::tuple<std::string, std::string, std::string>, size_t> places;
  std::vector<cri::PodSandbox> current;
  for (cri::PodSandbox& sandbox : sandboxes) {
    const auto [place, is_new] = places.emplace(
        std::tuple(sandbox.pod_namespace, sandbox.name, sandbox.uid), current.size());
    if (is_new) {
      current.push_back(std::move(sandbox));
    } else if (IsBetterSandbox(sandbox, current[place->second])) {
      current[place->second] = std::move(sandbox);
    }
  }
  return current;
}

Pod MakePod(cri::PodSandbox sandbox, std::vector<cri::Container> containers) {
  Pod pod;
  pod.sandbox = std::move(sandbox);
  pod.containers = cri::LatestAttempts(std::move(containers));
  pod.truncated = pod.containers.size() > kMaxPodContainers;
  if (pod.truncated) pod.containers.resize(kMaxPodContainers);
  return pod;
}

Result<Pod> FindPod(cri::Runtime* runtime, const std::string& pod_namespace,
                    const std::string& name) {
  Result<std::vector<cri::PodSandbox>> listed =
      runtime->ListPodSandboxes({.id = "",
                                 .labels = {{"io.kubernetes.pod.namespace", pod_namespace},
                                            {"io.kubernetes.pod.name", name}}});
  if (!listed) return Propagate(listed.error());
  // Labels are partly the pod author's; the metadata is the kubelet's.
  std::erase_if(*listed, [&](const cri::PodSandbox& sandbox) {
    return sandbox.pod_namespace != pod_namespace || sandbox.name != name;
  });
  if (listed->empty()) {
    return Fail(Code::kNotFound,
                fmt::format("no pod {} on this node", Printable(pod_namespace + "/" + name)));
  }
  const std::vector<cri::PodSandbox> pods = CurrentSandboxes(std::move(*listed));
  // Attempts of different pods do not compare.
  const auto sandbox = std::max_element(
      pods.begin(), pods.end(), [](const cri::PodSandbox& one, const cri::PodSandbox& other) {
        const bool one_is_ready = one.state == cri::SandboxState::kReady;
        const bool other_is_ready = other.state == cri::SandboxState::kReady;
        return std::pair(one_is_ready, one.created_at) <
               std::pair(other_is_ready, other.created_at);
      });
  Result<std::vector<cri::Container>> containers =
      runtime->ListContainers({.id = "", .pod_sandbox_id = sandbox->id});
  if (!containers) return Propagate(containers.error());
  std::erase_if(*containers, [&](const cri::Container& container) {
    return container.pod_sandbox_id != sandbox->id;
  });
  return MakePod(*sandbox, std::move(*containers));
}

std::string KindOf(const cri::Container& container) {
  const std::string type = cri::ContainerType(container);
  if (type == "container") return "app";
  return type == "init" || type == "ephemeral" ? type : "";
}

std::string StateName(cri::ContainerState state) {
  switch (state) {
    case cri::ContainerState::kCreated:
      return "created";
    case cri::ContainerState::kRunning:
      return "running";
    case cri::ContainerState::kExited:
      return "exited";
    case cri::ContainerState::kUnknown:
      break;
  }
  return "unknown";
}

std::string Bounded(const std::string& text) {
  return text.size() <= kMaxShownBytes ? text : text.substr(0, kMaxShownBytes) + "...";
}

std::string TimeText(int64_t nanoseconds) {
  if (nanoseconds <= 0) return {};
  const std::time_t seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace nsdebug
