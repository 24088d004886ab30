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

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;  // C0 and C1 could only begin overlong forms
    const size_t followers = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (text.size() - i < followers) return false;
    for (size_t j = 0; j < followers; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xc0) != 0x80) return false;
    }
    const auto second = static_cast<unsigned char>(text[i]);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second >= 0xa0;
    const bool beyond = lead == 0xf4 && second >= 0x90;  // more than U+10FFFF
    if (overlong || surrogate || beyond) return false;
    i += followers;
  }
  return true;
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
