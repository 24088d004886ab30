#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "cri/runtime.h"

namespace nsdebug::cri {

/// A full container or sandbox id of this one digit.
inline std::string Id(char digit) { return std::string(64, digit); }

/// The verbose info of a process.
inline std::string Info(pid_t pid) { return fmt::format(R"({{"pid":{}}})", pid); }

/// A node with the pod shop/web of two running containers, whose pid is that of the test. Each
/// answer can be replaced.
struct FakeRuntime : Runtime {
  std::vector<PodSandbox> sandboxes;
  std::vector<Container> containers;
  std::vector<std::string> calls;  ///< what was asked, with the id where there is one

  std::function<Result<ContainerStatus>(const std::string&)> container_status =
      [this](const std::string& id) -> Result<ContainerStatus> {
    for (const Container& container : containers) {
      if (container.id == id) {
        return ContainerStatus{container, 0, 0, "", {{"info", Info(::getpid())}}};
      }
    }
    return Fail(Code::kNotFound, "ContainerStatus: no such container");
  };
  std::function<Result<PodSandboxStatus>(const std::string&)> sandbox_status =
      [this](const std::string& id) -> Result<PodSandboxStatus> {
    for (const PodSandbox& sandbox : sandboxes) {
      if (sandbox.id == id) return PodSandboxStatus{sandbox, {}};
    }
    return Fail(Code::kNotFound, "PodSandboxStatus: no such sandbox");
  };
  std::function<Result<std::vector<PodSandbox>>()> list_sandboxes = [this] { return sandboxes; };
  std::function<Result<std::vector<Container>>(const ContainerFilter&)> list_containers =
      [this](const ContainerFilter& filter) {
        std::vector<Container> found;
        for (const Container& container : containers) {
          const bool in_pod =
              filter.pod_sandbox_id.empty() || container.pod_sandbox_id == filter.pod_sandbox_id;
          if (in_pod && container.id.starts_with(filter.id)) found.push_back(container);
        }
        // As runtimes do: an ambiguous prefix lists nothing.
        if (!filter.id.empty() && found.size() > 1) found.clear();
        return found;
      };

  FakeRuntime() {
    PodSandbox& sandbox = sandboxes.emplace_back();
    sandbox.id = Id('5');
    sandbox.pod_namespace = "shop";
    sandbox.name = "web";
    sandbox.uid = "uid-1";
    sandbox.state = SandboxState::kReady;
    AddContainer('a', "app");
    AddContainer('b', "side");
  }

  Container& AddContainer(char digit, const std::string& name) {
    Container& container = containers.emplace_back();
    container.id = Id(digit);
    container.pod_sandbox_id = Id('5');
    container.name = name;
    container.state = ContainerState::kRunning;
    container.created_at = digit;
    return container;
  }

  Result<Version> GetVersion() override { return Version{"containerd", "2.1.9"}; }
  Result<std::vector<PodSandbox>> ListPodSandboxes(const SandboxFilter&) override {
    calls.push_back("ListPodSandboxes");
    return list_sandboxes();
  }
  Result<PodSandboxStatus> GetPodSandboxStatus(const std::string& id) override {
    calls.push_back("PodSandboxStatus " + id.substr(0, 1));
    return sandbox_status(id);
  }
  Result<std::vector<Container>> ListContainers(const ContainerFilter& filter) override {
    calls.push_back("ListContainers");
    return list_containers(filter);
  }
  Result<ContainerStatus> GetContainerStatus(const std::string& id) override {
    calls.push_back("ContainerStatus " + id.substr(0, 1));
    return container_status(id);
  }
};

}  // namespace nsdebug::cri
