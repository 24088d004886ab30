#include "kubectl/fan_out/line_printer.h"

#include <unistd.h>

#include <cstdlib>

namespace nsdebug::kubectl {

namespace {

// Those of a terminal that can be read on dark and on light ground; as stern, with the next target
// the next of them.
constexpr std::array<std::string_view, 6> kColours = {"\x1b[36m", "\x1b[32m", "\x1b[35m",
                                                      "\x1b[33m", "\x1b[34m", "\x1b[31m"};
constexpr std::string_view kReset = "\x1b[0m";

}  // namespace

bool UsesColour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && ::isatty(fd) != 0;
}

std::string PrefixOf(std::string_view label, size_t index, bool coloured) {
  std::string prefix;
  if (coloured) prefix += kColours[index % kColours.size()];
  prefix += label;
  if (coloured) prefix += kReset;
  return prefix + ' ';
}

void LinePrinter::Append(std::string* lines, std::string_view line) const {
  lines->append(prefix_).append(line).append("\n");
}

void LinePrinter::Take(int fd, std::string_view data) {
  std::string& pending = PendingOf(fd).line;
  std::string lines;
  while (!data.empty()) {
    const size_t end = data.find('\n');
    const std::string_view piece = data.substr(0, end);
    const size_t room = kMaxLineBytes - pending.size();
    pending.append(piece.substr(0, room));
    if (piece.size() > room) {
      data.remove_prefix(room);
    } else if (end == std::string_view::npos) {
      break;
    } else {
      data.remove_prefix(end + 1);
    }
    Append(&lines, pending);
    pending.clear();
  }
  if (!lines.empty()) write_(fd, lines);
}

void LinePrinter::Finish() {
  for (Pending& one : pending_) {
    if (one.line.empty()) continue;
    std::string line;
    Append(&line, one.line);
    one.line.clear();
    write_(one.fd, line);
  }
}

}  // namespace nsdebug::kubectl
