#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "cri/runtime.h"

namespace nsdebug::cri {

/// As long as the longest call of a healthy runtime under load; kubelet waits 2 minutes, a person
/// at a terminal does not.
inline constexpr std::chrono::milliseconds kCallTimeout{10'000};

/// Version answers from memory in about 1 ms, so a runtime that takes longer hangs.
inline constexpr std::chrono::milliseconds kVersionTimeout{3'000};

inline constexpr std::chrono::milliseconds kConnectTimeout{2'000};

/// What kubelet accepts; a verbose status carries the whole OCI spec (tens of kilobytes).
inline constexpr int kMaxMessageBytes = 16 << 20;

struct ClientOptions {
  std::chrono::milliseconds connect_timeout = kConnectTimeout;
  std::chrono::milliseconds version_timeout = kVersionTimeout;
  std::chrono::milliseconds call_timeout = kCallTimeout;
};

/// CRI v1 over a Unix socket. Connects with the first call and again after the runtime restarted;
/// a call that finds nobody listening fails at once. Any thread may call, several at a time.
/// The library behind it starts threads that outlive the client: a process that has made one must
/// not join a user namespace itself (setns(2) wants a single thread), but exec a helper.
class Client : public Runtime {
 public:
  explicit Client(std::string socket_path, ClientOptions options = {});
  ~Client() override;

  Result<Version> GetVersion() override;
  Result<std::vector<PodSandbox>> ListPodSandboxes(const SandboxFilter& filter) override;
  Result<PodSandboxStatus> GetPodSandboxStatus(const std::string& id) override;
  Result<std::vector<Container>> ListContainers(const ContainerFilter& filter) override;
  Result<ContainerStatus> GetContainerStatus(const std::string& id) override;

 private:
  class Connector;
  ClientOptions options_;
  std::unique_ptr<Connector> connector_;
};

}  // namespace nsdebug::cri
