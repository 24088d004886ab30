#include "base/text.h"

#include <fmt/format.h>

#include <charconv>

namespace nsdebug {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint64_t> ParseNumber(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || rest != end || value > max) return std::nullopt;
  return value;
}

std::string Printable(std::string_view text, size_t limit) {
  std::string shown;
  for (unsigned char byte : text.substr(0, limit)) {
    if (byte >= 0x20 && byte < 0x7f) {
      shown.push_back(static_cast<char>(byte));
    } else {
      shown += fmt::format("\\x{:02x}", byte);
    }
  }
  if (text.size() > limit) shown += "...";
  return shown;
}

std::string UnescapeMountPath(std::string_view text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      int value = 0;
      for (size_t digit = 1; digit <= 3; ++digit) value = value * 8 + (text[i + digit] - '0');
      path.push_back(static_cast<char>(value));
      i += 3;
    } else {
      path.push_back(text[i]);
    }
  }
  return path;
}

}  // namespace nsdebug
