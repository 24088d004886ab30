#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug::docker {

/// Where the engines listen on a node, in the order in which they are tried.
inline constexpr std::array<std::string_view, 2> kDefaultSockets = {"/var/run/docker.sock",
                                                                    "/run/podman/podman.sock"};

/// The path of the Engine API's Unix socket. `docker_host` is what the user or DOCKER_HOST says:
/// "unix:///path" or an absolute path; empty means the first of `defaults` that exists. Nothing is
/// connected to. kInvalidArgument: an engine that is not on this node (tcp, ssh), or no usable
/// path; kNotFound: no default socket exists.
Result<std::string> ChooseEndpoint(
    std::string_view docker_host,
    const std::array<std::string_view, 2>& defaults = kDefaultSockets);

}  // namespace nsdebug::docker
