#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {

/// What is wrong with an entry that is to be used, as client-go's validation sees it and as far as
/// we can use it; one line each. Names of users and clusters are quoted, secrets never.

std::vector<std::string> FaultsOf(const Cluster& cluster, std::string_view name);

std::vector<std::string> FaultsOf(const User& user, std::string_view name);

/// Why impersonation is refused, the same for flags and for users of the kubeconfig.
extern const std::string_view kNoImpersonation;

/// A namespace's name: a DNS label.
bool IsNamespaceName(std::string_view text);

}  // namespace nsdebug::kubectl
