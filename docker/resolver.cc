#include "docker/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/container_process.h"
#include "base/text.h"

namespace nsdebug::docker {

namespace {

bool IsAlphanumeric(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9');
}

// Whole words only: "kata" is in "io.containerd.kata.v2" and "kata-qemu", but not in "katana".
bool IsSandboxedRuntime(std::string_view oci_runtime) {
  constexpr std::array<std::string_view, 4> kSandboxWords = {"kata", "runsc", "gvisor", "krun"};
  std::string words(oci_runtime);
  std::replace_if(
      words.begin(), words.end(), [](char byte) { return !IsAlphanumeric(byte); }, ' ');
  for (std::string_view word : Split(words, ' ')) {
    if (std::find(kSandboxWords.begin(), kSandboxWords.end(), word) != kSandboxWords.end()) {
      return true;
    }
  }
  return false;
}

std::string NotRunningMessage(const Container& container) {
  const std::string& name = container.name;
  if (container.status == "created") {
    return fmt::format("container {} was created but never started: {} start {}", name,
                       container.engine, name);
  }
  if (container.status == "exited" || container.status == "stopped") {
    return fmt::format("container {} has exited with code {}: {} start {}", name,
                       container.exit_code, container.engine, name);
  }
  if (container.status == "restarting") {
    return fmt::format(
        "container {} is restarting and has no process now: its last one ended with "
        "code {}: see {} logs {}",
        name, container.exit_code, container.engine, name);
  }
  if (container.status == "dead") {
    return fmt::format("container {} is dead: {} failed to remove it and cannot start it again",
                       name, container.engine);
  }
  if (container.status == "removing") {
    return fmt::format("container {} is being removed", name);
  }
  return fmt::format("container {} is not running: {} calls its state \"{}\"", name,
                     container.engine, Printable(container.status));
}

Result<void> CheckEnterable(const Container& container) {
  // Docker's flag Running is true in the state "restarting", too, so the state's word decides.
  bool is_live = container.status == "running" || container.status == "paused";
  if (!is_live) return Fail(Code::kFailedPrecondition, NotRunningMessage(container));
  if (!container.is_running || container.pid <= 0) {
    return Fail(Code::kInternal,
                fmt::format("container {}: {} calls it {} but tells no process of it",
                            container.name, container.engine, container.status));
  }
  if (IsSandboxedRuntime(container.oci_runtime)) {
    // Its pid is that of the sandbox's monitor: entering that would show the node's side of the
    // sandbox and be taken for the container.
    return Fail(Code::kFailedPrecondition,
                fmt::format("container {} runs in a sandbox with its own kernel (runtime {}): its "
                            "namespaces are not on this node: use {} exec",
                            container.name, Printable(container.oci_runtime), container.engine));
  }
  return {};
}

}  // namespace

Result<Target> Resolve(const Engine& engine, std::string_view name) {
  Result<Container> container = engine.InspectContainer(name);
  if (!container) return Propagate(container.error());
  Result<void> enterable = CheckEnterable(*container);
  if (!enterable) return Propagate(enterable.error());

  Result<UniqueFd> pidfd = OpenContainerProcess(container->pid, container->id);
  if (!pidfd) return Propagate(pidfd.error(), fmt::format("container {}", container->name));

  Target target;
  target.pidfd = std::move(*pidfd);
  target.pid = container->pid;
  target.runtime = container->engine;
  target.container_name = container->name;
  target.container_id = container->id;
  if (container->is_paused) {
    target.note =
        fmt::format("container {} is paused: its own processes stand still", container->name);
  }
  return target;
}

}  // namespace nsdebug::docker
