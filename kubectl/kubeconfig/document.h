#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nsdebug::kubectl {

inline constexpr size_t kMaxDocumentDepth = 64;
/// Values of one document, those that aliases repeat included: no file blows up in memory.
inline constexpr size_t kMaxDocumentNodes = 200'000;

/// One value of a YAML or JSON document, with the type that Kubernetes gives it: a plain 123 or yes
/// is no text there, and `token: 123` is an error in kubectl as well.
struct Node {
  enum class Kind { kNull, kBool, kNumber, kText, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 0;             ///< 0: not known, as in JSON
  std::string text;         ///< as written; of a boolean "true" or "false"
  std::vector<Node> items;  ///< of a map: key, value, key, value

  /// nullptr: not a map, or no such key. Of a key that is there twice, the last counts.
  const Node* Find(std::string_view key) const;
};

/// "a list", "a number": for messages.
std::string_view KindName(Node::Kind kind);

/// The first document of the text; kNull when there is none. Aliases and merge keys (<<) are
/// resolved. Messages start with "NAME:LINE: ".
Result<Node> ParseDocument(const std::string& text, std::string_view name);

/// Compact JSON of the value. kInvalidArgument: a number that JSON cannot hold, such as .inf.
Result<std::string> ToJson(const Node& node);

}  // namespace nsdebug::kubectl
