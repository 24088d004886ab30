#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace nsdebug::kubectl {

/// "7.3 MiB"
std::string SizeText(uint64_t bytes);

/// One line on stderr that says how far a copy is, when that is a terminal. How much there will be
/// nobody knows before the end. One thread at a time.
class ProgressLine {
 public:
  ProgressLine(std::string name, bool quiet);

  void Show(uint64_t bytes);
  void Clear();

 private:
  const std::string name_;
  const bool is_shown_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_;
  bool has_line_ = false;
};

}  // namespace nsdebug::kubectl
