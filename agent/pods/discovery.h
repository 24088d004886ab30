#pragma once

#include <string_view>

namespace nsdebug {

/// What stock kubectl asks first of a server, to learn what "pods" is. JSON, always the same: the
/// agent answers like an API server that knows no more than exec into pods.

/// GET /api
std::string_view ApiVersionsJson();

/// GET /apis. The agent's own group is not listed: kubectl would go on to ask for its resources,
/// and knows nothing to do with them.
std::string_view ApiGroupListJson();

/// GET /api/v1
std::string_view CoreResourceListJson();

/// GET /version, as `kubectl version` reads it: the agent's own.
std::string_view VersionJson();

}  // namespace nsdebug
