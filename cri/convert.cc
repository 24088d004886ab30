#include "cri/convert.h"

#include "cri/runtime.pb.h"

namespace nsdebug::cri {

namespace {

namespace wire = ::runtime::v1;

StringMap FromMap(const google::protobuf::Map<std::string, std::string>& map) {
  return StringMap(map.begin(), map.end());
}

SandboxState FromState(wire::PodSandboxState state) {
  return state == wire::SANDBOX_READY ? SandboxState::kReady : SandboxState::kNotReady;
}

ContainerState FromState(wire::ContainerState state) {
  switch (state) {
    case wire::CONTAINER_CREATED:
      return ContainerState::kCreated;
    case wire::CONTAINER_RUNNING:
      return ContainerState::kRunning;
    case wire::CONTAINER_EXITED:
      return ContainerState::kExited;
    default:
      // proto3 enums are open: a state of a later API is none that we may enter.
      return ContainerState::kUnknown;
  }
}

// PodSandbox and PodSandboxStatus name these fields alike.
template <class Message>
PodSandbox FromSandboxFields(const Message& message) {
  PodSandbox sandbox;
  sandbox.id = message.id();
  sandbox.name = message.metadata().name();
  sandbox.uid = message.metadata().uid();
  sandbox.pod_namespace = message.metadata().namespace_();
  sandbox.attempt = message.metadata().attempt();
  sandbox.state = FromState(message.state());
  sandbox.created_at = message.created_at();
  sandbox.annotations = FromMap(message.annotations());
  sandbox.runtime_handler = message.runtime_handler();
  return sandbox;
}

template <class Message>
Container FromContainerFields(const Message& message) {
  Container container;
  container.id = message.id();
  container.name = message.metadata().name();
  container.attempt = message.metadata().attempt();
  container.state = FromState(message.state());
  container.created_at = message.created_at();
  container.annotations = FromMap(message.annotations());
  return container;
}

}  // namespace

PodSandbox FromMessage(const wire::PodSandbox& message) { return FromSandboxFields(message); }

PodSandboxStatus FromMessage(const wire::PodSandboxStatusResponse& message) {
  return {FromSandboxFields(message.status()), FromMap(message.info())};
}

Container FromMessage(const wire::Container& message) {
  Container container = FromContainerFields(message);
  container.pod_sandbox_id = message.pod_sandbox_id();
  return container;
}

ContainerStatus FromMessage(const wire::ContainerStatusResponse& message) {
  ContainerStatus status;
  status.container = FromContainerFields(message.status());
  status.finished_at = message.status().finished_at();
  status.exit_code = message.status().exit_code();
  status.reason = message.status().reason();
  status.info = FromMap(message.info());
  return status;
}

}  // namespace nsdebug::cri
