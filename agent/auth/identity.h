#pragma once

#include <map>
#include <string>
#include <vector>

namespace nsdebug {

/// Who asks, as an authenticator found out: the fields of UserInfo in authentication.k8s.io/v1.
struct Identity {
  std::string user;
  std::string uid;
  std::vector<std::string> groups;  ///< with system:authenticated
  std::map<std::string, std::vector<std::string>> extra;
};

/// What a caller presented.
struct Credentials {
  /// DER, the client's own certificate first; empty when it sent none. TLS proved that it has the
  /// key, and nothing more: whether to believe the certificate is the authenticator's question.
  std::vector<std::string> certificates;
  std::string bearer_token;  ///< empty: none. Never printed
};

/// One question to the authorizer: resourceAttributes of a SubjectAccessReview.
struct Attributes {
  std::string verb;
  std::string group;
  std::string resource;
  std::string subresource;
  std::string resource_namespace;  ///< empty: cluster scope
  std::string name;                ///< empty: any

  bool operator==(const Attributes&) const = default;
};

inline constexpr const char* kApiGroup = "ns-debug.io";
inline constexpr const char* kApiVersion = "v1alpha1";

}  // namespace nsdebug
