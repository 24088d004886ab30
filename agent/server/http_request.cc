#include "agent/server/http_request.h"

#include <boost/url.hpp>
#include <utility>

#include "agent/auth/bearer.h"
#include "agent/server/status_response.h"
#include "base/base64.h"
#include "base/text.h"

namespace nsdebug {

namespace {

namespace urls = boost::urls;

// More than any exec has, few enough to walk.
constexpr size_t kMaxQueryParameters = 2048;
constexpr size_t kMaxSubprotocols = 16;

Result<void> ParseTarget(beast::string_view target, Request* request) {
  const auto url = urls::parse_origin_form({target.data(), target.size()});
  if (!url) {
    return Fail(Code::kInvalidArgument,
                "malformed request target: a path that starts with / was expected");
  }
  for (const auto segment : url->segments()) {
    request->segments.emplace_back(segment);
    // No name is any other; and nobody can be asked about one.
    if (!IsUtf8(request->segments.back())) {
      return Fail(Code::kInvalidArgument, "malformed request target: its path is not UTF-8");
    }
  }
  // What HTML forms and Python's urlencode write for a space.
  urls::encoding_opts options;
  options.space_as_plus = true;
  for (const auto& parameter : url->params(options)) {
    if (request->query.size() == kMaxQueryParameters) {
      return Fail(Code::kInvalidArgument, "too many query parameters, at most 2048 were expected");
    }
    request->query.emplace_back(std::string(parameter.key), std::string(parameter.value));
  }
  return {};
}

Result<void> TakeSubprotocols(const http::request<http::string_body>& message, Request* request) {
  const auto [first, last] = message.equal_range(http::field::sec_websocket_protocol);
  for (auto field = first; field != last; ++field) {
    for (const auto& token : http::token_list(field->value())) {
      if (request->subprotocols.size() == kMaxSubprotocols) {
        return Fail(Code::kInvalidArgument, "Sec-WebSocket-Protocol: too many, at most 16");
      }
      request->subprotocols.emplace_back(token);
    }
  }
  return {};
}

Result<void> TakeBearer(const http::request<http::string_body>& message, Request* request) {
  if (message.count(http::field::authorization) > 1) {
    return Fail(Code::kUnauthenticated, "more than one Authorization header");
  }
  const auto value = message[http::field::authorization];
  Result<std::optional<std::string>> token = BearerFromHeader({value.data(), value.size()});
  if (!token) return Propagate(std::move(token.error()));
  if (request->upgrade != Request::Upgrade::kNone) {
    Result<std::optional<std::string>> offered = BearerFromSubprotocols(request->subprotocols);
    if (!offered) return Propagate(std::move(offered.error()));
    if (*offered && *token) {
      return Fail(Code::kUnauthenticated, "two bearer tokens, in a header and a subprotocol");
    }
    if (*offered) token = std::move(offered);
  }
  if (*token) request->credentials.bearer_token = std::move(**token);
  return {};
}

/// What Beast would refuse an upgrade for, with an answer of its own, when a session runs already.
Request::Upgrade UpgradeOf(const http::request<http::string_body>& message) {
  if (!websocket::is_upgrade(message)) return Request::Upgrade::kNone;
  if (message[http::field::sec_websocket_version] != "13") {
    return Request::Upgrade::kOtherWebSocketVersion;
  }
  constexpr size_t kKeyBytes = 16;
  const auto encoded = message[http::field::sec_websocket_key];
  const auto key = DecodeBase64({encoded.data(), encoded.size()});
  if (message.count(http::field::host) == 0 || !key || key->size() != kKeyBytes) {
    return Request::Upgrade::kMalformedWebSocket;
  }
  return Request::Upgrade::kWebSocket;
}

}  // namespace

Result<Request> MakeRequest(const http::request<http::string_body>& message) {
  Request request;
  request.method = std::string(message.method_string());
  request.content_type = std::string(message[http::field::content_type]);
  request.upgrade = UpgradeOf(message);
  request.is_from_web_page = message.count(http::field::origin) > 0;
  if (Result<void> parsed = ParseTarget(message.target(), &request); !parsed) {
    return Propagate(std::move(parsed.error()));
  }
  if (Result<void> taken = TakeSubprotocols(message, &request); !taken) {
    return Propagate(std::move(taken.error()));
  }
  if (Result<void> taken = TakeBearer(message, &request); !taken) {
    return Propagate(std::move(taken.error()));
  }
  return request;
}

Response UnreadableResponse(http::error error) {
  switch (error) {
    case http::error::header_limit:
      return StatusResponse(431, "RequestHeaderFieldsTooLarge",
                            "the header is longer than server.maxHeaderBytes");
    case http::error::body_limit:
      return StatusResponse(413, "RequestEntityTooLarge",
                            "the body is longer than server.maxBodyBytes");
    default:
      return StatusResponse(400, "BadRequest", "malformed HTTP request");
  }
}

}  // namespace nsdebug
