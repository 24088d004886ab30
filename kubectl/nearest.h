#pragma once

#include <span>
#include <string_view>

namespace nsdebug::kubectl {

/// The word that somebody may have meant: the one that the fewest characters must be changed, added
/// or left out for (Levenshtein), two at most. Empty: none is that near.
std::string_view NearestOf(std::string_view typed, std::span<const std::string_view> words);

}  // namespace nsdebug::kubectl
