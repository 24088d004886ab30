#include "nsenter/process_title.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace nsdebug {

namespace {

char* command_line = nullptr;
size_t command_line_size = 0;

}  // namespace

void RememberCommandLine(int argc, char* argv[]) {
  if (argc == 0) return;
  // The kernel lays the arguments out one behind the other.
  command_line = argv[0];
  command_line_size =
      static_cast<size_t>(argv[argc - 1] - argv[0]) + std::strlen(argv[argc - 1]) + 1;
}

void SetProcessTitle(const char* title) {
  if (command_line_size == 0) return;
  std::memset(command_line, 0, command_line_size);
  std::memcpy(command_line, title, std::min(std::strlen(title), command_line_size - 1));
}

}  // namespace nsdebug
