#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace nsdebug::kubectl {

/// What the process is told by its surroundings; tests have their own.
struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  /// Where a pod finds the credentials of its service account.
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";

  static Environment OfProcess();

  /// Empty when it is not set, too.
  std::string_view Get(std::string_view name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string_view() : found->second;
  }
};

}  // namespace nsdebug::kubectl
