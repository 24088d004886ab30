#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// Deeper than any file of ours nests.
inline constexpr size_t kMaxYamlDepth = 16;

/// One YAML document as texts and lines. What a text means is for its reader to say.
struct YamlNode {
  enum class Kind { kNull, kText, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 1;
  std::string text;
  std::vector<YamlNode> items;  ///< of a map: key, value, key, value; duplicate keys included
};

/// Parses one document; without any, the answer is kNull. Anchors, aliases and tags are refused, so
/// what comes out is never larger than the text was. Messages start with "NAME:LINE: ".
Result<YamlNode> ParseYaml(const std::string& text, std::string_view name);

}  // namespace nsdebug
