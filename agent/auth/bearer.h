#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// A token of a cloud's identity provider with hundreds of groups in it has less.
inline constexpr size_t kMaxTokenBytes = size_t{16} << 10;

/// Visible ASCII and at most kMaxTokenBytes: what an HTTP header and a JSON text can carry as it
/// is.
bool IsTokenText(std::string_view token);

/// The token in the value of an Authorization header; nullopt when the value is empty.
/// kUnauthenticated: another scheme than Bearer, or malformed; the message never holds any of it.
Result<std::optional<std::string>> BearerFromHeader(std::string_view value);

/// The token in the subprotocols that a WebSocket client offers, since a browser cannot set
/// headers: base64url.bearer.authorization.k8s.io.TOKEN, with TOKEN in base64url without padding.
/// Removes it from the list, for a server must never choose, and so repeat, it; nullopt when there
/// is none. kUnauthenticated: malformed, more than one, or nothing else is offered.
Result<std::optional<std::string>> BearerFromSubprotocols(std::vector<std::string>& offered);

}  // namespace nsdebug
