#include "agent/server/route.h"

#include <array>

#include "base/text.h"

namespace nsdebug {

namespace {

#define NS_DEBUG_API "/apis/ns-debug.io/v1alpha1"

constexpr std::array kRoutes = {
    // A WebSocket upgrade is GET on the wire and creates something all the same.
    Route{Endpoint::kPodExec, "GET", NS_DEBUG_API "/namespaces/{namespace}/pods/{pod}/exec",
          "create", "pods", "exec"},
    Route{Endpoint::kPodExecOnce, "POST", NS_DEBUG_API "/namespaces/{namespace}/pods/{pod}/exec",
          "create", "pods", "exec"},
    Route{Endpoint::kNodeExec, "GET", NS_DEBUG_API "/nodes/{node}/exec", "create", "nodes", "exec"},
    Route{Endpoint::kNodeExecOnce, "POST", NS_DEBUG_API "/nodes/{node}/exec", "create", "nodes",
          "exec"},
    // Whoever asks is told about himself: the handler asks the routes' own questions for him.
    Route{Endpoint::kPodAccess, "GET", NS_DEBUG_API "/namespaces/{namespace}/pods/{pod}/access"},
    Route{Endpoint::kNodeAccess, "GET", NS_DEBUG_API "/nodes/{node}/access"},
    Route{Endpoint::kExplainPod, "GET", NS_DEBUG_API "/namespaces/{namespace}/pods/{pod}", "get",
          "pods"},
    Route{Endpoint::kListPods, "GET", NS_DEBUG_API "/namespaces/{namespace}/pods", "list", "pods"},
    Route{Endpoint::kListPods, "GET", NS_DEBUG_API "/pods", "list", "pods"},
    Route{Endpoint::kListSessions, "GET", NS_DEBUG_API "/sessions", "list", "sessions"},
    Route{Endpoint::kEndSession, "DELETE", NS_DEBUG_API "/sessions/{id}", "delete", "sessions"},
    Route{Endpoint::kOpenApi, "GET", NS_DEBUG_API "/openapi/v3"},
    Route{Endpoint::kOpenApi, "GET", "/openapi/v3"},
    Route{Endpoint::kVersion, "GET", "/version"},

    // What stock Kubernetes clients ask of an API server to exec into a pod.
    Route{Endpoint::kStockExec, "GET", "/api/v1/namespaces/{namespace}/pods/{pod}/exec", "create",
          "pods", "exec"},
    Route{Endpoint::kStockExecSpdy, "POST", "/api/v1/namespaces/{namespace}/pods/{pod}/exec",
          "create", "pods", "exec"},
    Route{Endpoint::kStockPod, "GET", "/api/v1/namespaces/{namespace}/pods/{pod}", "get", "pods"},
    // kubectl asks for it when a pod was not found, and shows this answer instead if it is 404 too.
    Route{Endpoint::kStockNamespace, "GET", "/api/v1/namespaces/{namespace}"},
    Route{Endpoint::kApiVersions, "GET", "/api"},
    Route{Endpoint::kApiGroups, "GET", "/apis"},
    Route{Endpoint::kCoreResources, "GET", "/api/v1"},
};

#undef NS_DEBUG_API

/// Whether the path fits, and the parameters in it.
std::optional<PathParameters> Match(std::string_view path,
                                    const std::vector<std::string>& segments) {
  const std::vector<std::string_view> wanted = Split(path.substr(1), '/');
  if (wanted.size() != segments.size()) return std::nullopt;
  PathParameters parameters;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].front() != '{') {
      if (wanted[i] != segments[i]) return std::nullopt;
    } else if (segments[i].empty()) {
      return std::nullopt;
    } else {
      parameters.emplace(wanted[i].substr(1, wanted[i].size() - 2), segments[i]);
    }
  }
  return parameters;
}

std::string Find(const PathParameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

std::optional<RouteMatch> FindRoute(std::string_view method,
                                    const std::vector<std::string>& segments) {
  bool has_path = false;
  for (const Route& route : kRoutes) {
    std::optional<PathParameters> parameters = Match(route.path, segments);
    if (!parameters) continue;
    has_path = true;
    if (route.method == method) return RouteMatch{&route, std::move(*parameters)};
  }
  if (!has_path) return std::nullopt;
  return RouteMatch{};
}

std::string AllowedMethods(const std::vector<std::string>& segments) {
  std::string methods;
  for (const Route& route : kRoutes) {
    if (!Match(route.path, segments)) continue;
    if (!methods.empty()) methods += ", ";
    methods += route.method;
  }
  return methods;
}

std::optional<Attributes> AccessOf(const Route& route, const PathParameters& parameters) {
  if (route.verb.empty()) return std::nullopt;
  Attributes attributes{std::string(route.verb),       kApiGroup,
                        std::string(route.resource),   std::string(route.subresource),
                        Find(parameters, "namespace"), {}};
  for (const char* name : {"pod", "node", "id"}) attributes.name += Find(parameters, name);
  return attributes;
}

}  // namespace nsdebug
