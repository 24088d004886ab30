// A container's id on the first line, then the lines of /proc/PID/cgroup.

#include "base/container_process.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  const std::string_view text = AsText(data, size);
  const size_t end = text.find('\n');
  const std::string_view id = text.substr(0, end);
  const std::string_view lines = end == std::string_view::npos ? "" : text.substr(end + 1);
  // A container is only named by text that has its id.
  if (CgroupNamesContainer(lines, id)) {
    Require(!id.empty() && lines.find(id) != std::string_view::npos);
  }
  return 0;
}
