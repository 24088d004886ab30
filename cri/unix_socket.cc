#include "cri/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>

#include "base/text.h"

namespace nsdebug::cri {

namespace {

Failure ConnectFailure(const std::string& path, int error_number) {
  std::string operation = "connect to container runtime socket " + Printable(path);
  switch (error_number) {
    case ENOENT:
      return Fail(Code::kUnavailable, operation + ": no such socket; is the runtime installed?");
    case ECONNREFUSED:
      return Fail(Code::kUnavailable, operation + ": nobody listens; is the runtime running?");
    case EACCES:
    case EPERM:
      return Fail(Code::kPermissionDenied, operation + ": permission denied; run as root");
    case EAGAIN:  // of connect(2) on AF_UNIX: the backlog stayed full for SO_SNDTIMEO
      return Fail(Code::kDeadlineExceeded, operation + ": the runtime accepts no connection");
    case ENOTSOCK:
    case EPROTOTYPE:
      return Fail(Code::kUnavailable, operation + ": not a stream socket");
    default:
      return Fail(Code::kUnavailable, operation + ": " + ErrnoText(error_number));
  }
}

}  // namespace

Result<UniqueFd> ConnectUnixSocket(const std::string& path, std::chrono::milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // An embedded NUL would silently name another, shorter path.
  if (path.empty() || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != std::string::npos) {
    return Fail(Code::kInvalidArgument,
                fmt::format("container runtime socket {}: the path must have 1 to {} bytes",
                            Printable(path), sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  UniqueFd socket_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return FailErrno("create a socket");
  // A non-blocking connect fails at once when the backlog is full and cannot be polled on AF_UNIX;
  // a blocking one waits for ever. The send timeout bounds it (unix(7), socket(7)).
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = (timeout.count() % 1000) * 1000;
  if (::setsockopt(socket_fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
    return FailErrno("set the timeout of a socket");
  }
  int result;
  do {
    result =
        ::connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return ConnectFailure(path, errno);
  int flags = ::fcntl(socket_fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket_fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return FailErrno("make a socket non-blocking");
  }
  return socket_fd;
}

bool PeerHasClosed(int socket) {
  pollfd poll_fd{socket, POLLRDHUP, 0};
  int ready;
  do {
    ready = ::poll(&poll_fd, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

}  // namespace nsdebug::cri
