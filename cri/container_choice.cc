#include "cri/container_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace nsdebug::cri {

namespace {

constexpr const char kDefaultContainer[] = "kubectl.kubernetes.io/default-container";
constexpr const char kContainerType[] = "io.kubernetes.container.type";

/// "init", "ephemeral", or empty for an app container and where the kubelet does not tell.
std::string TypeOf(const Container& container) {
  const auto type = container.annotations.find(kContainerType);
  if (type == container.annotations.end() || type->second == "container") return {};
  return type->second;
}

bool IsBetterAttempt(const Container& one, const Container& other) {
  const bool one_runs = one.state == ContainerState::kRunning;
  const bool other_runs = other.state == ContainerState::kRunning;
  if (one_runs != other_runs) return one_runs;
  if (one.attempt != other.attempt) return one.attempt > other.attempt;
  return one.created_at > other.created_at;
}

/// One container a name, in the order in which the names first appeared.
std::vector<Container> LatestAttempts(std::vector<Container> containers) {
  // cri-dockerd lists the newest first, with times in whole seconds: of equal times the later
  // listed was made first.
  std::reverse(containers.begin(), containers.end());
  std::stable_sort(containers.begin(), containers.end(),
                   [](const Container& one, const Container& other) {
                     return one.created_at < other.created_at;
                   });
  std::vector<Container> latest;
  for (Container& container : containers) {
    const auto known = std::find_if(latest.begin(), latest.end(), [&](const Container& other) {
      return other.name == container.name;
    });
    if (known == latest.end()) {
      latest.push_back(std::move(container));
    } else if (IsBetterAttempt(container, *known)) {
      *known = std::move(container);
    }
  }
  return latest;
}

std::string NamesOf(const std::vector<Container>& containers) {
  std::string names;
  for (const Container& container : containers) {
    const std::string type = TypeOf(container);
    names += fmt::format("{}{}{}", names.empty() ? "" : ", ", Printable(container.name),
                         type.empty() ? "" : fmt::format(" ({})", Printable(type)));
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
  const auto app = [](const Container& container) { return TypeOf(container).empty(); };
  const auto running = [&](const Container& container) {
    return app(container) && container.state == ContainerState::kRunning;
  };
  auto found = std::find_if(containers.begin(), containers.end(), running);
  if (found == containers.end()) found = std::find_if(containers.begin(), containers.end(), app);
  return found == containers.end() ? &containers.front() : &*found;
}

}  // namespace

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
