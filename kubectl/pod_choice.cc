#include "kubectl/pod_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

using Time = std::optional<std::chrono::system_clock::time_point>;

/// Larger is better. kubectl gives every other phase the rank of Pending.
int RankOf(const std::string& phase) { return phase == "Running" ? 2 : phase == "Unknown" ? 1 : 0; }

int MostRestarts(const Pod& pod) {
  int most = 0;
  for (const Container& container : pod.containers) {
    if (container.kind == ContainerKind::kRegular) most = std::max(most, container.restarts);
  }
  return most;
}

/// Whether it is earlier; a time that is not known is after all others.
bool IsEarlier(const Time& a, const Time& b) { return a && (!b || *a < *b); }

bool IsMoreActive(const Pod& a, const Pod& b) {
  if (a.node_name.empty() != b.node_name.empty()) return !a.node_name.empty();
  if (RankOf(a.phase) != RankOf(b.phase)) return RankOf(a.phase) > RankOf(b.phase);
  if (a.is_ready != b.is_ready) return a.is_ready;
  if (a.is_ready && a.ready_since != b.ready_since) return IsEarlier(a.ready_since, b.ready_since);
  if (MostRestarts(a) != MostRestarts(b)) return MostRestarts(a) < MostRestarts(b);
  return IsEarlier(a.created, b.created);
}

const Container* FindContainer(const Pod& pod, std::string_view name) {
  const auto found =
      std::find_if(pod.containers.begin(), pod.containers.end(),
                   [&](const Container& container) { return container.name == name; });
  return found == pod.containers.end() ? nullptr : &*found;
}

/// "app, shell (ephem), setup (init)", in kubectl's order.
std::string AllNames(const Pod& pod) {
  std::string names;
  const auto add = [&](ContainerKind kind, std::string_view suffix) {
    for (const Container& container : pod.containers) {
      if (container.kind != kind) continue;
      names += fmt::format("{}{}{}", names.empty() ? "" : ", ", Printable(container.name), suffix);
    }
  };
  add(ContainerKind::kRegular, "");
  add(ContainerKind::kEphemeral, " (ephem)");
  add(ContainerKind::kInit, " (init)");
  return names;
}

bool IsCompleted(const Pod& pod) { return pod.phase == "Succeeded" || pod.phase == "Failed"; }

Failure Refuse(std::string message) { return Fail(Code::kFailedPrecondition, std::move(message)); }

/// The init container that the regular ones wait for; null when none is known of.
const Container* FindBlocking(const Pod& pod) {
  const auto is_over = [](const Container& container) {
    if (container.is_sidecar && container.has_started) return true;
    return container.state == ContainerState::kTerminated && container.exit_code == 0;
  };
  const auto found =
      std::find_if(pod.containers.begin(), pod.containers.end(), [&](const Container& container) {
        return container.kind == ContainerKind::kInit && !is_over(container);
      });
  const bool is_told = found != pod.containers.end() && found->state != ContainerState::kUnknown;
  return is_told ? &*found : nullptr;
}

/// Why a container has not begun whose turn comes after `init`, and what can be entered instead.
std::string WaitsFor(const Container& container, const Container& init) {
  const std::string name = Printable(init.name);
  const std::string why = container.reason.empty() ? "waiting" : Printable(container.reason);
  if (init.state == ContainerState::kRunning) {
    return fmt::format(
        "does not run ({}): init container {} still runs: enter that with -c {}, or "
        "the pod around both with --sandbox",
        why, name, name);
  }
  const std::string state = init.reason.empty() ? "not running" : Printable(init.reason);
  return fmt::format(
      "does not run ({}): init container {} is not through ({}): enter the pod "
      "around both with --sandbox",
      why, name, state);
}

/// What makes entering the pod in any way impossible.
Result<void> CheckPod(const Pod& pod) {
  if (IsCompleted(pod)) {
    return Refuse(fmt::format(
        "cannot exec into a container in a completed pod; current phase is {}", pod.phase));
  }
  if (pod.node_name.empty()) {
    const std::string why = pod.reason.empty() ? "" : fmt::format(" ({})", Printable(pod.reason));
    return Refuse(
        fmt::format("pod {} is not assigned to a node{}: `kubectl describe pod {} -n {}` says why",
                    Printable(pod.name), why, Printable(pod.name), Printable(pod.name_space)));
  }
  return {};
}

}  // namespace

void SortByActivity(std::vector<Pod>& pods) {
  // Stable, so that pods which do not differ stay in the order of the API server: by name.
  std::stable_sort(pods.begin(), pods.end(), IsMoreActive);
}

Result<ContainerChoice> ChooseContainer(const Pod& pod, std::string_view wanted) {
  if (!wanted.empty()) {
    if (const Container* container = FindContainer(pod, wanted))
      return ContainerChoice{*container, {}};
    return Fail(Code::kNotFound,
                fmt::format("container {} not found in pod {}: it has {}", Printable(wanted),
                            Printable(pod.name), AllNames(pod)));
  }
  const Container* first = pod.containers.empty() ? nullptr : &pod.containers.front();
  if (first == nullptr || first->kind != ContainerKind::kRegular) {
    return Fail(Code::kFailedPrecondition,
                fmt::format("pod {}/{} does not have any containers", Printable(pod.name_space),
                            Printable(pod.name)));
  }
  // One that is not there counts for nothing, as in kubectl.
  if (!pod.default_container.empty()) {
    if (const Container* container = FindContainer(pod, pod.default_container)) {
      return ContainerChoice{*container, {}};
    }
  }
  ContainerChoice choice{*first, {}};
  if (pod.containers.size() > 1) {
    choice.note =
        fmt::format("Defaulted container \"{}\" out of: {}", Printable(first->name), AllNames(pod));
  }
  return choice;
}

Result<void> CheckContainerRuns(const Pod& pod, const Container& container) {
  if (Result<void> good = CheckPod(pod); !good) return good;
  const std::string name =
      fmt::format("container {} of pod {}", Printable(container.name), Printable(pod.name));
  const bool has_begun =
      container.state == ContainerState::kRunning || container.state == ContainerState::kTerminated;
  const Container* init = has_begun ? nullptr : FindBlocking(pod);
  if (init != nullptr && container.kind != ContainerKind::kEphemeral &&
      init->name != container.name) {
    return Refuse(fmt::format("{} {}", name, WaitsFor(container, *init)));
  }
  switch (container.state) {
    case ContainerState::kWaiting:
      return Refuse(
          fmt::format("{} does not run ({}): enter the pod around it with --sandbox", name,
                      container.reason.empty() ? "waiting" : Printable(container.reason)));
    case ContainerState::kTerminated:
      return Refuse(
          fmt::format("{} has ended ({}, exit code {}): enter the pod around it with "
                      "--sandbox",
                      name, container.reason.empty() ? "terminated" : Printable(container.reason),
                      container.exit_code));
    case ContainerState::kRunning:
    case ContainerState::kUnknown:
      break;
  }
  // Running, or the kubelet has not told yet: the agent looks at the container itself.
  return {};
}

Result<void> CheckSandboxRuns(const Pod& pod) { return CheckPod(pod); }

}  // namespace nsdebug::kubectl
