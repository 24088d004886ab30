#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug::docker {

/// One container as the Engine API describes it. Every field was checked: the id is 64 hexadecimal
/// digits, the name follows Docker's rule, the pid is a possible one. Only the texts of `status`
/// and `oci_runtime` are the engine's own words and need Printable.
struct Container {
  std::string id;
  std::string name;         ///< without the leading '/'
  std::string status;       ///< "created", "running", "paused", "restarting", "exited", "dead", ...
  std::string oci_runtime;  ///< "runc", "runsc", "io.containerd.kata.v2", ...; empty when not told
  std::string engine;       ///< "docker" or "podman"
  bool is_running = false;  ///< true for paused ones, too, and for Docker's restarting ones
  bool is_paused = false;
  pid_t pid = 0;  ///< 0 when it has no process
  int64_t exit_code = 0;
};

/// Whether the text may be sent to an engine as a container's name, id or prefix of an id: Docker's
/// own rule for names, which also admits every hexadecimal id.
bool IsContainerName(std::string_view text);

/// Reads the answer of GET /containers/{name}/json. Pure. kInternal, with the field that is wrong,
/// when it is not the description of a container.
Result<Container> ParseContainer(std::string_view json_text);

/// Reads the OCI runtime's name from Podman's own GET /libpod/containers/{id}/json, whose
/// compatible answer says "oci" for every runtime.
Result<std::string> ParsePodmanRuntime(std::string_view json_text);

/// The "message" of the engine's error object; empty when the text is not such an object.
std::string ParseErrorMessage(std::string_view json_text);

}  // namespace nsdebug::docker
