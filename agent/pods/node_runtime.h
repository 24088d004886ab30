#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cri/client.h"

namespace nsdebug {

/// The container runtime of this node, looked for when it is first needed: a node's agent may start
/// before it. Any thread.
class NodeRuntime final : public cri::Runtime {
 public:
  /// `endpoint`: as in cri/endpoint.h.
  NodeRuntime(std::string endpoint, const cri::ClientOptions& options)
      : endpoint_(std::move(endpoint)), options_(options) {}

  Result<cri::Version> GetVersion() override;
  Result<std::vector<cri::PodSandbox>> ListPodSandboxes(const cri::SandboxFilter& filter) override;
  Result<cri::PodSandboxStatus> GetPodSandboxStatus(const std::string& id) override;
  Result<std::vector<cri::Container>> ListContainers(const cri::ContainerFilter& filter) override;
  Result<cri::ContainerStatus> GetContainerStatus(const std::string& id) override;

 private:
  Result<cri::Client*> Connected();

  const std::string endpoint_;
  const cri::ClientOptions options_;
  std::mutex mutex_;
  std::unique_ptr<cri::Client> client_;  // guarded by mutex_; once set it stays
};

}  // namespace nsdebug
