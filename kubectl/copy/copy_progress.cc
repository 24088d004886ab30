#include "kubectl/copy/copy_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kInterval{100};

}  // namespace

std::string SizeText(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

ProgressLine::ProgressLine(std::string name, bool quiet)
    : name_(Printable(name)), is_shown_(!quiet && ::isatty(STDERR_FILENO) != 0) {}

void ProgressLine::Show(uint64_t bytes) {
  const Clock::time_point now = Clock::now();
  if (!is_shown_ || now - last_ < kInterval) return;
  last_ = now;
  has_line_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const auto rate = seconds > 0 ? static_cast<uint64_t>(static_cast<double>(bytes) / seconds) : 0;
  std::fprintf(stderr, "\r%s %s, %s/s\x1b[K", name_.c_str(), SizeText(bytes).c_str(),
               SizeText(rate).c_str());
}

void ProgressLine::Clear() {
  if (has_line_) std::fputs("\r\x1b[K", stderr);
  has_line_ = false;
}

}  // namespace nsdebug::kubectl
