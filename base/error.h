#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace nsdebug {

/// The canonical gRPC codes we use, so that CRI answers, HTTP statuses and exit codes map by table.
enum class Code {
  kInvalidArgument,     ///< what the caller wrote cannot be right, whatever the state of the node
  kNotFound,            ///< no such pod, container, process, file
  kPermissionDenied,    ///< the kernel or a peer refused
  kFailedPrecondition,  ///< it exists but is in the wrong state: stopped, sandboxed, ambiguous
  kAborted,             ///< it changed under us: the process exited, the pid was reused
  kUnavailable,         ///< the runtime does not answer
  kDeadlineExceeded,    ///< the runtime did not answer in time
  kUnimplemented,       ///< this kernel or runtime lacks it
  kResourceExhausted,   ///< a bound of ours or a limit of the system was reached
  kInternal,            ///< a peer answered something it must not answer
  kUnauthenticated,     ///< the caller did not prove who it is
};

/// The code's canonical gRPC name, e.g. "NOT_FOUND".
std::string_view CodeName(Code code);

/// The code of that name; kInternal for what is none.
Code ParseCode(std::string_view name);

/// One failure. The message is one lower-case line that names the operation and its object and
/// grows outwards: "open /proc/4242/ns/mnt: permission denied". It never holds a secret.
struct Error {
  Code code = Code::kInternal;
  std::string message;
  int error_number = 0;  ///< errno of the system call that failed; 0 when none did
};

template <class T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

[[nodiscard]] inline Failure Fail(Code code, std::string message) {
  return Failure(Error{code, std::move(message), 0});
}

/// Whether it is the peer's failure to answer, and not its answer.
inline bool IsUnanswered(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded || code == Code::kInternal;
}

/// The code that an errno value stands for.
Code CodeOf(int error_number);

/// "operation: no such file or directory", with the code of `error_number`. A caller whose
/// operation is built after the system call must save errno first and pass it.
[[nodiscard]] Failure FailErrno(std::string_view operation, int error_number = errno);

/// The kernel's words for an errno value, lower-case: "operation not permitted".
std::string ErrnoText(int error_number);

/// Passes an error on, with the operation in front of it when one is given.
[[nodiscard]] inline Failure Propagate(Error error, std::string_view operation = {}) {
  if (!operation.empty()) error.message.insert(0, std::string(operation) + ": ");
  return Failure(std::move(error));
}

}  // namespace nsdebug
