#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kubectl/kubeconfig/document.h"

namespace nsdebug::kubectl {

/// Gives a plain scalar the type that Kubernetes' YAML 1.1 parser gives it: "yes" and "y" are
/// booleans, "1_000", "0o17", "0b11" and ".5" are numbers, "12:30" and dates stay text.
void ResolveScalar(Node& node);

/// The number as JSON writes it; none for infinity and what is not a number.
std::optional<std::string> JsonNumber(std::string_view text);

}  // namespace nsdebug::kubectl
