#pragma once

#include "agent/server/beast.h"
#include "agent/server/message.h"
#include "base/error.h"

namespace nsdebug {

/// What handlers need of a request's header: target and query decoded, credentials taken out of it.
/// kInvalidArgument, kUnauthenticated: malformed, without repeating any of it.
Result<Request> MakeRequest(const http::request<http::string_body>& message);

/// The answer to what was no request, e.g. 431 for too long a header.
Response UnreadableResponse(http::error error);

}  // namespace nsdebug
