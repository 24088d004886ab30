#include "kubectl/nearest.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace nsdebug::kubectl {

namespace {

// Longer than what anybody can have meant.
constexpr size_t kMaxTypedBytes = 64;
constexpr size_t kNear = 2;

size_t DistanceOf(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view NearestOf(std::string_view typed, std::span<const std::string_view> words) {
  std::string_view nearest;
  size_t least = kNear + 1;
  for (const std::string_view word : words) {
    const size_t distance = DistanceOf(typed.substr(0, kMaxTypedBytes), word);
    if (distance < least) {
      least = distance;
      nearest = word;
    }
  }
  return nearest;
}

}  // namespace nsdebug::kubectl
