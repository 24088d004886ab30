#include "agent/pods/node_runtime.h"

#include <utility>

#include "cri/endpoint.h"

namespace nsdebug {

Result<cri::Client*> NodeRuntime::Connected() {
  const std::scoped_lock lock(mutex_);
  if (!client_) {
    Result<std::unique_ptr<cri::Client>> client = cri::ConnectRuntime(endpoint_, options_);
    if (!client) return Propagate(std::move(client.error()));
    client_ = std::move(*client);
  }
  return client_.get();
}

Result<cri::Version> NodeRuntime::GetVersion() {
  return Connected().and_then([](cri::Client* client) { return client->GetVersion(); });
}

Result<std::vector<cri::PodSandbox>> NodeRuntime::ListPodSandboxes(
    const cri::SandboxFilter& filter) {
  return Connected().and_then(
      [&](cri::Client* client) { return client->ListPodSandboxes(filter); });
}

Result<cri::PodSandboxStatus> NodeRuntime::GetPodSandboxStatus(const std::string& id) {
  return Connected().and_then([&](cri::Client* client) { return client->GetPodSandboxStatus(id); });
}

Result<std::vector<cri::Container>> NodeRuntime::ListContainers(
    const cri::ContainerFilter& filter) {
  return Connected().and_then([&](cri::Client* client) { return client->ListContainers(filter); });
}

Result<cri::ContainerStatus> NodeRuntime::GetContainerStatus(const std::string& id) {
  return Connected().and_then([&](cri::Client* client) { return client->GetContainerStatus(id); });
}

}  // namespace nsdebug
