#include "kubectl/kubeconfig/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace nsdebug::kubectl {

namespace {

using Kind = Node::Kind;

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool IsTrue(std::string_view text) {
  return IsOneOf(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON"});
}

bool IsFalse(std::string_view text) {
  return IsOneOf(text,
                 {"false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF"});
}

bool IsNotFinite(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return IsOneOf(text, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"});
}

/// The number without its underscores and its sign.
struct Digits {
  std::string text;
  bool is_negative = false;
};

Digits DigitsOf(std::string_view text) {
  Digits digits;
  if (text.starts_with('+') || text.starts_with('-')) {
    digits.is_negative = text.front() == '-';
    text.remove_prefix(1);
  }
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits.text),
               [](char c) { return c != '_'; });
  return digits;
}

/// "0x1f", "0b11", "0o17" and "017".
std::optional<uint64_t> ParseInteger(std::string_view digits) {
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char mark = digits[1];
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || rest != end || error != std::errc()) return std::nullopt;
  return value;
}

/// Digits with at most one point, and an exponent.
bool IsDecimal(std::string_view text) {
  const auto take_digits = [&text] {
    const size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  size_t count = take_digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    count += take_digits();
  }
  if (count == 0) return false;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (take_digits() == 0) return false;
  }
  return text.empty();
}

bool IsNumber(std::string_view text) {
  // Most texts end here: no name of a cluster or a user gets as far as being copied.
  if (text.empty() || std::string_view("+-.0123456789").find(text[0]) == std::string_view::npos) {
    return false;
  }
  const Digits digits = DigitsOf(text);
  return IsNotFinite(text) || ParseInteger(digits.text) || IsDecimal(digits.text);
}

}  // namespace

void ResolveScalar(Node& node) {
  const std::string& text = node.text;
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) {
    node.kind = Kind::kNull;
  } else if (IsTrue(text) || IsFalse(text)) {
    node.kind = Kind::kBool;
    node.text = IsTrue(text) ? "true" : "false";
  } else if (IsNumber(text)) {
    node.kind = Kind::kNumber;
  }
}

std::optional<std::string> JsonNumber(std::string_view text) {
  if (IsNotFinite(text)) return std::nullopt;
  const Digits digits = DigitsOf(text);
  const std::string_view sign = digits.is_negative ? "-" : "";
  if (const auto integer = ParseInteger(digits.text)) return fmt::format("{}{}", sign, *integer);
  double value = 0;
  const char* end = digits.text.data() + digits.text.size();
  const auto [rest, error] = std::from_chars(digits.text.data(), end, value);
  if (rest != end || error != std::errc() || !std::isfinite(value)) return std::nullopt;
  return fmt::format("{}{}", sign, value);
}

}  // namespace nsdebug::kubectl
