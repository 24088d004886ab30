#include "agent/auth/denial.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace nsdebug {

std::string WithReason(std::string text, std::string_view reason) {
  if (!reason.empty()) text += ": " + Printable(reason, kMaxReasonBytes);
  return text;
}

Failure Denied(const Identity& identity, const Attributes& attributes, std::string_view reason) {
  std::string resource = attributes.resource;
  if (!attributes.subresource.empty()) resource += "/" + attributes.subresource;
  std::string message = fmt::format(R"(user "{}" cannot {} resource "{}" in API group "{}")",
                                    Printable(identity.user), Printable(attributes.verb),
                                    Printable(resource), Printable(attributes.group));
  message +=
      attributes.resource_namespace.empty()
          ? " at the cluster scope"
          : fmt::format(R"( in the namespace "{}")", Printable(attributes.resource_namespace));
  if (!attributes.name.empty()) {
    message += fmt::format(R"( with the name "{}")", Printable(attributes.name));
  }
  return Fail(Code::kPermissionDenied, WithReason(std::move(message), reason));
}

Failure ReviewFailed(Error error) {
  if (error.code != Code::kDeadlineExceeded && error.code != Code::kInternal) {
    error.code = Code::kUnavailable;
  }
  return Failure(std::move(error));
}

void AddAuthenticatedGroup(Identity& identity) {
  if (identity.user == "system:anonymous") return;
  bool is_there =
      std::any_of(identity.groups.begin(), identity.groups.end(), [](const std::string& group) {
        return group == "system:authenticated" || group == "system:unauthenticated";
      });
  if (!is_there) identity.groups.push_back("system:authenticated");
}

}  // namespace nsdebug
