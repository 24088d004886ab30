#include "cri/sandboxed_runtime.h"

#include <fmt/format.h>

#include <array>

#include "base/io.h"

namespace nsdebug::cri {

namespace {

struct Mark {
  std::string_view text;
  const char* runtime;
};

constexpr std::array<Mark, 3> kNames = {
    {{"runsc", "gVisor"}, {"gvisor", "gVisor"}, {"kata", "Kata Containers"}}};

// How the command line of the process starts, up to the first blank or end: gVisor's sandbox, and
// the hypervisors and shim of Kata.
constexpr std::array<Mark, 5> kPrograms = {{{"runsc", "gVisor"},
                                            {"qemu-system", "Kata Containers"},
                                            {"cloud-hypervisor", "Kata Containers"},
                                            {"firecracker", "Kata Containers"},
                                            {"containerd-shim-kata", "Kata Containers"}}};

}  // namespace

std::string SandboxedRuntime(const std::vector<std::string_view>& names, pid_t pid) {
  for (const Mark& mark : kNames) {
    for (std::string_view name : names) {
      if (name.find(mark.text) != std::string_view::npos) return mark.runtime;
    }
  }
  if (pid == 0) return {};
  const Result<std::string> command_line = ReadFile(fmt::format("/proc/{}/cmdline", pid));
  if (!command_line) return {};
  std::string_view program = std::string_view(*command_line).substr(0, command_line->find('\0'));
  program.remove_prefix(program.rfind('/') + 1);
  for (const Mark& mark : kPrograms) {
    if (program.starts_with(mark.text)) return mark.runtime;
  }
  return {};
}

}  // namespace nsdebug::cri
