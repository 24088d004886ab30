#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/auth/identity.h"

namespace nsdebug {

enum class Endpoint {
  kPodExec,
  kPodExecOnce,
  kNodeExec,
  kNodeExecOnce,
  kPodAccess,
  kNodeAccess,
  kExplainPod,
  kListPods,
  kListSessions,
  kEndSession,
  kOpenApi,
  kVersion,
  kStockExec,
  kStockExecSpdy,
  kStockPod,
  kStockNamespace,
  kApiVersions,
  kApiGroups,
  kCoreResources,
};

/// One thing the API can do, and the access it takes. There is no route without authentication.
struct Route {
  Endpoint endpoint;
  std::string_view method;
  std::string_view path;  ///< {namespace}, {pod}, {node}, {id} stand for one segment each

  // In API group ns-debug.io, on what the path names; no verb: whoever is authenticated. Exec asks
  // for `use` on its profile too, and for nodes/exec where the pod shares the node's namespaces.
  std::string_view verb = {};
  std::string_view resource = {};
  std::string_view subresource = {};
};

/// All of them, in the order of the documentation.
std::span<const Route> Routes();

using PathParameters = std::map<std::string, std::string>;

struct RouteMatch {
  const Route* route = nullptr;
  PathParameters parameters;
};

/// The route of a request. nullopt: no such path. A `route` of null: the path has other methods.
std::optional<RouteMatch> FindRoute(std::string_view method,
                                    const std::vector<std::string>& segments);

/// The methods of a path, as the header Allow has them.
std::string AllowedMethods(const std::vector<std::string>& segments);

/// The question that a route asks about its caller; nullopt: none.
std::optional<Attributes> AccessOf(const Route& route, const PathParameters& parameters);

}  // namespace nsdebug
