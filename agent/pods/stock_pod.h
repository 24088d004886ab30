#pragma once

#include <string>
#include <string_view>

#include "agent/pods/pod.h"
#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug {

/// What the API server would answer to GET /api/v1/namespaces/{ns}/pods/{pod}, as far as exec with
/// stock kubectl and the Python client reads it and a container runtime knows it. `runtime_name` is
/// that of Version. Pure; always valid JSON in UTF-8.
std::string StockPodJson(const Pod& pod, std::string_view runtime_name, std::string_view node);

/// The same from the runtime, in three calls. The errors are those of FindPod.
Result<std::string> GetStockPod(cri::Runtime* runtime, const std::string& pod_namespace,
                                const std::string& name, std::string_view node);

}  // namespace nsdebug
