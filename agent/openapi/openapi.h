#pragma once

#include <string_view>

namespace nsdebug {

/// The description of our own API, answered to GET openapi/v3: the text of openapi.json beside this
/// file, an OpenAPI document in JSON. It leaves out the routes of stock Kubernetes clients.
std::string_view OpenApiDocument();

}  // namespace nsdebug
