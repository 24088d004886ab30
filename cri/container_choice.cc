#include "cri/container_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"

namespace nsdebug::cri {

namespace {

constexpr const char kDefaultContainer[] = "kubectl.kubernetes.io/default-container";
constexpr const char kContainerType[] = "io.kubernetes.container.type";

bool IsApp(const Container& container) {
  const std::string type = ContainerType(container);
  return type.empty() || type == "container";
}

bool IsBetterAttempt(const Container& one, const Container& other) {
  const bool one_runs = one.state == ContainerState::kRunning;
  const bool other_runs = other.state == ContainerState::kRunning;
  if (one_runs != other_runs) return one_runs;
  if (one.attempt != other.attempt) return one.attempt > other.attempt;
  return one.created_at > other.created_at;
}

std::string NamesOf(const std::vector<Container>& containers) {
  std::string names;
  for (size_t i = 0; i < std::min(containers.size(), kMaxListedNames); ++i) {
    const std::string type = IsApp(containers[i]) ? "" : ContainerType(containers[i]);
    names += fmt::format("{}{}{}", i == 0 ? "" : ", ", Printable(containers[i].name),
                         type.empty() ? "" : fmt::format(" ({})", Printable(type)));
  }
  if (containers.size() > kMaxListedNames) {
    names += fmt::format(" and {} more", containers.size() - kMaxListedNames);
  }
  return names;
}

const Container* FindByName(const std::vector<Container>& containers, const std::string& name) {
  const auto found =
      std::find_if(containers.begin(), containers.end(),
                   [&](const Container& container) { return container.name == name; });
  return found == containers.end() ? nullptr : &*found;
}

const Container* FirstOf(const std::vector<Container>& containers) {
  const auto running = [](const Container& container) {
    return IsApp(container) && container.state == ContainerState::kRunning;
  };
  auto found = std::find_if(containers.begin(), containers.end(), running);
  if (found == containers.end()) found = std::find_if(containers.begin(), containers.end(), IsApp);
  return found == containers.end() ? &containers.front() : &*found;
}

}  // namespace

std::string ContainerType(const Container& container) {
  const auto type = container.annotations.find(kContainerType);
  return type == container.annotations.end() ? "" : type->second;
}

std::vector<Container> LatestAttempts(std::vector<Container> containers) {
  // cri-dockerd lists the newest first, with times in whole seconds: of equal times the later
  // listed was made first.
  std::reverse(containers.begin(), containers.end());
  std::stable_sort(containers.begin(), containers.end(),
                   [](const Container& one, const Container& other) {
                     return one.created_at < other.created_at;
                   });
  std::vector<Container> latest;
  std::unordered_map<std::string, size_t> places;
  for (Container& container : containers) {
    const auto [place, is_new] = places.emplace(container.name, latest.size());
    if (is_new) {
      latest.push_back(std::move(container));
    } else if (IsBetterAttempt(container, latest[place->second])) {
      latest[place->second] = std::move(container);
    }
  }
  return latest;
}

Result<ContainerChoice> ChooseContainer(const PodSandbox& sandbox,
                                        const std::vector<Container>& containers,
                                        const std::string& name) {
  const std::string pod = Printable(sandbox.pod_namespace + "/" + sandbox.name);
  const std::vector<Container> latest = LatestAttempts(containers);
  if (latest.empty()) {
    return Fail(Code::kNotFound, fmt::format("pod {} has no containers yet (--sandbox enters the "
                                             "pod's own namespaces)",
                                             pod));
  }
  if (!name.empty()) {
    if (const Container* found = FindByName(latest, name)) return ContainerChoice{*found, ""};
    return Fail(Code::kNotFound, fmt::format("pod {} has no container {}: it has {}", pod,
                                             Printable(name), NamesOf(latest)));
  }
  const auto annotation = sandbox.annotations.find(kDefaultContainer);
  if (annotation != sandbox.annotations.end()) {
    // As with kubectl, a name that is not there does not count.
    if (const Container* found = FindByName(latest, annotation->second)) {
      return ContainerChoice{*found, ""};
    }
  }
  const Container* first = FirstOf(latest);
  if (latest.size() == 1) return ContainerChoice{*first, ""};
  return ContainerChoice{*first, fmt::format("defaulted container \"{}\" out of: {}",
                                             Printable(first->name), NamesOf(latest))};
}

}  // namespace nsdebug::cri
