#include "cri/endpoint.h"

#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

namespace nsdebug::cri {

const std::vector<std::string>& DefaultSockets() {
  static const std::vector<std::string> kSockets = {
      "/run/containerd/containerd.sock",
      "/run/crio/crio.sock",
      "/run/cri-dockerd.sock",
      "/run/k3s/containerd/containerd.sock",
      "/var/snap/microk8s/common/run/containerd.sock",
      "/run/k0s/containerd.sock",
  };
  return kSockets;
}

Result<std::string> ParseEndpoint(std::string_view endpoint) {
  constexpr std::string_view kScheme = "unix://";
  std::string_view path = endpoint;
  if (path.starts_with(kScheme)) path.remove_prefix(kScheme.size());
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
    return Fail(Code::kInvalidArgument,
                fmt::format("runtime endpoint '{}' is not a Unix socket: write unix:///PATH",
                            Printable(endpoint)));
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Fail(
        Code::kInvalidArgument,
        fmt::format("runtime endpoint '{}' is longer than a socket's path can be ({} bytes)",
                    Printable(endpoint), sizeof(sockaddr_un::sun_path) - 1));
  }
  return std::string(path);
}

Result<std::unique_ptr<Client>> ConnectRuntime(std::string_view endpoint,
                                               const ClientOptions& options,
                                               const std::vector<std::string>& sockets) {
  if (!endpoint.empty()) {
    Result<std::string> path = ParseEndpoint(endpoint);
    if (!path) return Propagate(path.error());
    // The first call connects and says what is wrong.
    return std::make_unique<Client>(*path, options);
  }
  std::string tried;
  Code code = Code::kUnavailable;
  for (const std::string& socket : sockets) {
    if (::access(socket.c_str(), F_OK) != 0) continue;
    auto client = std::make_unique<Client>(socket, options);
    Result<Version> version = client->GetVersion();
    if (version) return client;
    code = version.error().code;
    tried += (tried.empty() ? "" : "; ") + version.error().message;
  }
  if (tried.empty()) {
    for (const std::string& socket : sockets) tried += (tried.empty() ? "" : ", ") + socket;
    return Fail(Code::kUnavailable, "no container runtime on this node: none of " + tried +
                                        " exists (name another with --runtime-endpoint)");
  }
  return Fail(code, "no container runtime answers: " + tried);
}

}  // namespace nsdebug::cri
