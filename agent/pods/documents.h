#pragma once

#include <string>
#include <string_view>

#include "agent/pods/pod_explain.h"
#include "agent/pods/pod_list.h"

namespace nsdebug {

/// The answers of the API as agent/openapi/openapi.json describes them. Pure; always valid JSON in
/// UTF-8, whatever bytes a runtime told, and of bounded size.

std::string PodListJson(const PodList& list, std::string_view node);

std::string PodExplanationJson(const PodExplanation& explanation, std::string_view node);

}  // namespace nsdebug
