#include "base/error.h"

#include <cctype>
#include <cstring>

namespace nsdebug {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kAborted:
      return "ABORTED";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kUnimplemented:
      return "UNIMPLEMENTED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "INTERNAL";
}

Code ParseCode(std::string_view name) {
  for (int value = 0; value <= static_cast<int>(Code::kUnauthenticated); ++value) {
    if (CodeName(static_cast<Code>(value)) == name) return static_cast<Code>(value);
  }
  return Code::kInternal;
}

Code CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ESRCH:
    case ENOTDIR:
    case ENXIO:
      return Code::kNotFound;
    case EPERM:
    case EACCES:
    case EROFS:
      return Code::kPermissionDenied;
    case EINVAL:
    case ENAMETOOLONG:
      return Code::kInvalidArgument;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENOTTY:
      return Code::kUnimplemented;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case EUSERS:
      return Code::kResourceExhausted;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return Code::kUnavailable;
    case ETIMEDOUT:
      return Code::kDeadlineExceeded;
    default:
      return Code::kInternal;
  }
}

std::string ErrnoText(int error_number) {
  const char* description = strerrordesc_np(error_number);
  if (description == nullptr) return "error " + std::to_string(error_number);
  std::string text = description;
  // "RPC struct is bad" and its like keep their capitals.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

Failure FailErrno(std::string_view operation, int error_number) {
  return Failure(Error{CodeOf(error_number),
                       std::string(operation) + ": " + ErrnoText(error_number), error_number});
}

}  // namespace nsdebug
