#include "base/base64.h"

#include <array>

namespace nsdebug {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> MakeValues() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}

constexpr std::array<int8_t, 256> kValues = MakeValues();

Failure NotBase64(std::string_view reason) {
  return Fail(Code::kInvalidArgument, "not base64: " + std::string(reason));
}

}  // namespace

std::string EncodeBase64(std::string_view data) {
  std::string text;
  text.reserve((data.size() + 2) / 3 * 4);
  for (size_t i = 0; i < data.size(); i += 3) {
    const auto byte = [&](size_t offset) {
      return i + offset < data.size() ? static_cast<unsigned char>(data[i + offset]) : 0u;
    };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    text.push_back(kAlphabet[group >> 18]);
    text.push_back(kAlphabet[group >> 12 & 63]);
    text.push_back(i + 1 < data.size() ? kAlphabet[group >> 6 & 63] : '=');
    text.push_back(i + 2 < data.size() ? kAlphabet[group & 63] : '=');
  }
  return text;
}

Result<void> Base64Decoder::Decode(std::string_view piece, std::string* decoded) {
  decoded->reserve(decoded->size() + piece.size() / 4 * 3 + 3);
  for (const char character : piece) {
    if (character == '\n' || character == '\r') continue;
    if (padding_ > 0 && characters_ == 0) return NotBase64("characters behind the padding");
    if (character == '=') {
      if (characters_ < 2) return NotBase64("padding inside a group");
      ++padding_;
    } else if (padding_ > 0) {
      return NotBase64("characters behind the padding");
    }
    const int8_t value =
        character == '=' ? int8_t{0} : kValues[static_cast<unsigned char>(character)];
    if (value < 0) return NotBase64("a character outside of the alphabet");
    group_ = group_ << 6 | static_cast<uint32_t>(value);
    if (++characters_ < 4) continue;
    for (int i = 0; i < 3 - padding_; ++i) {
      decoded->push_back(static_cast<char>(group_ >> (16 - 8 * i) & 255));
    }
    group_ = 0;
    characters_ = 0;
  }
  return {};
}

Result<void> Base64Decoder::Finish() {
  const bool whole = characters_ == 0;
  *this = Base64Decoder();
  if (!whole) return NotBase64("it ends inside a group of four characters");
  return {};
}

Result<std::string> DecodeBase64(std::string_view text) {
  Base64Decoder decoder;
  std::string decoded;
  if (Result<void> taken = decoder.Decode(text, &decoded); !taken) return Propagate(taken.error());
  if (Result<void> ended = decoder.Finish(); !ended) return Propagate(ended.error());
  return decoded;
}

}  // namespace nsdebug
