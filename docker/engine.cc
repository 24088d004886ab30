#include "docker/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "base/text.h"

namespace nsdebug::docker {

namespace {

constexpr int kOk = 200;
constexpr int kForbidden = 403;
constexpr int kNotFoundStatus = 404;

// Docker says "Multiple IDs found with provided prefix: a" with status 500 (20.10) or 400, Podman
// "more than one result for container ID a" with 404: only the words tell it apart.
bool SaysAmbiguous(std::string message) {
  std::transform(message.begin(), message.end(), message.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  return message.find("multiple ids found") != std::string::npos ||
         message.find("more than one result") != std::string::npos;
}

Failure StatusFailure(const Answer& answer, const std::string& path, std::string_view name) {
  std::string message = ParseErrorMessage(answer.body);
  if (SaysAmbiguous(message)) {
    return Fail(
        Code::kFailedPrecondition,
        fmt::format("container {} is ambiguous: more than one id of the engine at {} starts "
                    "with it: give more digits or the name",
                    name, path));
  }
  if (answer.status == kNotFoundStatus && !message.empty()) {
    return Fail(Code::kNotFound, fmt::format("container {} not found: the engine at {} says: {}",
                                             name, path, Printable(message)));
  }
  Code code = answer.status == kForbidden ? Code::kPermissionDenied : Code::kInternal;
  return Fail(
      code, fmt::format("inspect container {}: the engine at {} answers status {}{}{}", name, path,
                        answer.status, message.empty() ? "" : ": ", Printable(message)));
}

}  // namespace

Engine::Engine(EngineOptions options) : options_(std::move(options)) {}

Result<Container> Engine::InspectContainer(std::string_view name) const {
  std::string_view bare_name = name.starts_with('/') ? name.substr(1) : name;
  // A name that follows the rule needs no percent-encoding; anything else could reach another route
  // of the API ("../images/json").
  if (!IsContainerName(bare_name)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("container name \"{}\": it must start with a letter or digit and hold "
                            "only letters, digits, '_', '.' and '-'",
                            Printable(name)));
  }
  Result<Answer> answer = FetchAnswer(options_, fmt::format("/containers/{}/json", bare_name));
  if (!answer) return Propagate(answer.error(), fmt::format("inspect container {}", bare_name));
  if (answer->status != kOk) return StatusFailure(*answer, options_.socket_path, bare_name);

  std::string operation =
      fmt::format("inspect container {}: engine at {}", bare_name, options_.socket_path);
  Result<Container> container = ParseContainer(answer->body);
  if (!container) return Propagate(container.error(), operation);
  container->engine = answer->is_podman ? "podman" : "docker";
  if (!answer->is_podman) return container;

  // Podman's own API wants a version in the path, and any version serves this route.
  answer = FetchAnswer(options_, fmt::format("/v4.0.0/libpod/containers/{}/json", container->id));
  if (!answer) return Propagate(answer.error(), fmt::format("inspect container {}", bare_name));
  if (answer->status != kOk) return StatusFailure(*answer, options_.socket_path, bare_name);
  Result<std::string> runtime = ParsePodmanRuntime(answer->body);
  if (!runtime) return Propagate(runtime.error(), operation);
  container->oci_runtime = *runtime;
  return container;
}

}  // namespace nsdebug::docker
