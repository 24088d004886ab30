#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nsdebug::kubectl {

/// Of stdout and of stderr each, of one target, with -o json; the rest is dropped and said so.
inline constexpr size_t kMaxCollectedBytes = size_t{4} << 20;

/// Output up to the bound.
struct Collected {
  std::string data;
  bool truncated = false;

  void Append(std::string_view more);
};

/// What became of the command in one target.
struct TargetResult {
  std::string name_space;
  std::string pod;  ///< empty: the node itself
  std::string node;
  int exit_code = 0;
  std::string error;  ///< why there is no exit code of the command; empty: there is one
  Collected stdout_data;
  Collected stderr_data;
  std::chrono::milliseconds duration{0};

  /// "shop/web-1" or "node/node-1"
  std::string Label() const;
  bool succeeded() const { return exit_code == 0 && error.empty(); }
};

/// One line of JSON, with a newline.
std::string ResultJson(const TargetResult& result);

/// "12 targets: 10 succeeded, 2 failed (shop/web-1: exit code 3, shop/web-2: connection lost)"
std::string Summary(const std::vector<TargetResult>& results);

}  // namespace nsdebug::kubectl
