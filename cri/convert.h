#pragma once

#include "cri/runtime.h"

// Declared here and not included: no generated code in headers.
namespace runtime::v1 {
class Container;
class ContainerStatusResponse;
class PodSandbox;
class PodSandboxStatusResponse;
}  // namespace runtime::v1

namespace nsdebug::cri {

/// From messages of the wire to ours. Pure, total, and takes strings as they are: whoever shows
/// them makes them printable.
PodSandbox FromMessage(const ::runtime::v1::PodSandbox& message);
PodSandboxStatus FromMessage(const ::runtime::v1::PodSandboxStatusResponse& message);
Container FromMessage(const ::runtime::v1::Container& message);
ContainerStatus FromMessage(const ::runtime::v1::ContainerStatusResponse& message);

}  // namespace nsdebug::cri
