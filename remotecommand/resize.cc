#include "remotecommand/resize.h"

#include <fmt/format.h>
#include <strings.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace nsdebug {

namespace {

using nlohmann::json;

/// The size that an object tells, when it tells one.
std::optional<TerminalSize> ParseSize(const std::string& text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  TerminalSize size;
  for (const auto& [name, value] : object.items()) {
    const bool is_width = ::strcasecmp(name.c_str(), "Width") == 0;
    if (!is_width && ::strcasecmp(name.c_str(), "Height") != 0) continue;
    if (!value.is_number_unsigned() ||
        value.get<uint64_t>() > std::numeric_limits<uint16_t>::max()) {
      return std::nullopt;
    }
    (is_width ? size.columns : size.rows) = value.get<uint16_t>();
  }
  if (size.columns == 0 || size.rows == 0) return std::nullopt;
  return size;
}

}  // namespace

bool ResizeParser::TakeByte(char byte) {
  if (depth_ == 0 && byte != '{') return false;
  if (object_.size() < kMaxSizeBytes) {
    object_.push_back(byte);
  } else {
    too_long_ = true;
  }
  if (in_string_) {
    in_string_ = escaped_ || byte != '"';
    escaped_ = !escaped_ && byte == '\\';
    return false;
  }
  in_string_ = byte == '"';
  // What nests deeper than it can be kept is too long anyhow; counting further could overflow.
  if (byte == '{' && depth_ < std::numeric_limits<int>::max()) ++depth_;
  if (byte == '}') --depth_;
  return depth_ == 0;
}

std::optional<TerminalSize> ResizeParser::Take(std::string_view piece) {
  std::optional<TerminalSize> last;
  for (const char byte : piece) {
    if (!TakeByte(byte)) continue;
    const std::optional<TerminalSize> size = too_long_ ? std::nullopt : ParseSize(object_);
    if (size) last = size;
    object_.clear();
    too_long_ = false;
  }
  return last;
}

std::string EncodeResize(TerminalSize size) {
  return fmt::format("{{\"Width\":{},\"Height\":{}}}\n", size.columns, size.rows);
}

}  // namespace nsdebug
