#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

namespace nsdebug::kubectl {

/// A longer line is printed in pieces, each with the prefix.
inline constexpr size_t kMaxLineBytes = 64 << 10;

/// Whether to colour what goes to `fd`: it is a terminal, and NO_COLOR is not set.
bool UsesColour(int fd);

/// "shop/web-1 " in a colour of its own, by its place in the list, or without one.
std::string PrefixOf(std::string_view label, size_t index, bool coloured);

/// Cuts the output of one target into lines and puts its prefix before each, so that the lines of
/// many can be mixed and none is torn.
class LinePrinter {
 public:
  /// Whole lines, to stdout or stderr.
  using Write = std::function<void(int fd, std::string_view lines)>;

  LinePrinter(std::string prefix, Write write)
      : prefix_(std::move(prefix)), write_(std::move(write)) {}

  void Take(int fd, std::string_view data);
  /// What is left without a newline gets one.
  void Finish();

 private:
  struct Pending {
    int fd;
    std::string line;
  };
  Pending& PendingOf(int fd) { return fd == pending_[0].fd ? pending_[0] : pending_[1]; }
  void Append(std::string* lines, std::string_view line) const;

  const std::string prefix_;
  const Write write_;
  std::array<Pending, 2> pending_ = {{{1, {}}, {2, {}}}};
};

}  // namespace nsdebug::kubectl
