#include "agent/pods/discovery.h"

namespace nsdebug {

std::string_view ApiVersionsJson() {
  return R"({"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]})";
}

std::string_view ApiGroupListJson() {
  return R"({"kind":"APIGroupList","apiVersion":"v1","groups":[]})";
}

std::string_view CoreResourceListJson() {
  return R"({"kind":"APIResourceList","groupVersion":"v1","resources":[)"
         R"({"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get"],)"
         R"("shortNames":["po"]},)"
         R"({"name":"pods/exec","singularName":"","namespaced":true,"kind":"PodExecOptions",)"
         R"("verbs":["create","get"]}]})";
}

std::string_view VersionJson() {
  // kubectl reads the whole version only; the two numbers are there for whoever compares those of
  // Kubernetes, which these are not.
  return R"({"gitVersion":"v)" NS_DEBUG_VERSION R"(","major":"","minor":""})";
}

}  // namespace nsdebug
