#include "docker/endpoint.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>

#include "base/text.h"

namespace nsdebug::docker {

namespace {

// The kernel takes 108 bytes, but a path that fills them has no terminating NUL (unix(7)).
constexpr size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;

Result<std::string> CheckPath(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return Fail(Code::kInvalidArgument,
                fmt::format("docker host {}: the socket must be an absolute path, as in "
                            "unix:///var/run/docker.sock",
                            Printable(path)));
  }
  if (path.size() > kMaxSocketPathBytes) {
    return Fail(Code::kInvalidArgument,
                fmt::format("docker host {}: the path of a Unix socket has at most {} bytes",
                            Printable(path), kMaxSocketPathBytes));
  }
  if (path.find('\0') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument,
                fmt::format("docker host {}: a NUL byte in the path", Printable(path)));
  }
  return std::string(path);
}

// A socket that we may not look at still exists: connecting to it gives the better message.
bool Exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 || errno == EACCES;
}

}  // namespace

Result<std::string> ChooseEndpoint(std::string_view docker_host,
                                   const std::array<std::string_view, 2>& defaults) {
  constexpr std::string_view kUnixScheme = "unix://";
  constexpr std::string_view kSchemeEnd = "://";
  if (docker_host.starts_with(kUnixScheme)) {
    return CheckPath(docker_host.substr(kUnixScheme.size()));
  }
  size_t scheme_end = docker_host.find(kSchemeEnd);
  if (scheme_end != std::string_view::npos) {
    // Only the scheme is shown: what follows may hold a password.
    return Fail(Code::kInvalidArgument,
                fmt::format("docker host of scheme {}: only an engine on this node can be used, "
                            "through unix:///path, because the pids that a remote engine tells "
                            "name other processes here",
                            Printable(docker_host.substr(0, scheme_end))));
  }
  if (!docker_host.empty()) return CheckPath(docker_host);

  for (std::string_view candidate : defaults) {
    std::string path(candidate);
    if (Exists(path)) return path;
  }
  return Fail(Code::kNotFound,
              fmt::format("find the Docker Engine: neither {} nor {} exists: start Docker or "
                          "Podman's API service, or name its socket with --docker-host",
                          defaults[0], defaults[1]));
}

}  // namespace nsdebug::docker
