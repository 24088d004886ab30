#include "agent/server/status_response.h"

#include <nlohmann/json.hpp>

namespace nsdebug {

namespace {

// When it may be otherwise: sessions end at any time, and asking costs little.
constexpr const char* kRetryAfterSeconds = "5";

}  // namespace

int HttpStatusOf(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kFailedPrecondition:
    case Code::kAborted:
      return 409;
    case Code::kResourceExhausted:
      return 429;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kInternal:
      return 500;
  }
  return 500;
}

std::string_view ReasonOf(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "BadRequest";
    case Code::kUnauthenticated:
      return "Unauthorized";
    case Code::kPermissionDenied:
      return "Forbidden";
    case Code::kNotFound:
      return "NotFound";
    case Code::kFailedPrecondition:
    case Code::kAborted:
      return "Conflict";
    case Code::kResourceExhausted:
      return "TooManyRequests";
    case Code::kUnimplemented:
      return "NotImplemented";
    case Code::kUnavailable:
      return "ServiceUnavailable";
    case Code::kDeadlineExceeded:
      return "Timeout";
    case Code::kInternal:
      return "InternalError";
  }
  return "InternalError";
}

Error OfNode(Error error) {
  if (error.code == Code::kPermissionDenied) error.code = Code::kInternal;
  return error;
}

Response StatusResponse(const Error& error) {
  return StatusResponse(HttpStatusOf(error.code), ReasonOf(error.code), error.message);
}

Response StatusResponse(int status, std::string_view reason, std::string_view message) {
  const nlohmann::json body = {{"kind", "Status"},
                               {"apiVersion", "v1"},
                               {"metadata", nlohmann::json::object()},
                               {"status", status < 400 ? "Success" : "Failure"},
                               {"message", message},
                               {"reason", reason},
                               {"code", status}};
  Response response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503)
    response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

}  // namespace nsdebug
