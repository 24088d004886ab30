#include "agent/auth/bearer.h"

#include <algorithm>
#include <cstdint>

namespace nsdebug {

namespace {

constexpr std::string_view kScheme = "bearer";
constexpr std::string_view kSubprotocolPrefix = "base64url.bearer.authorization.k8s.io.";

char LowerCase(char letter) {
  // Not std::tolower, which follows the locale.
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool IsScheme(std::string_view text) {
  return std::equal(text.begin(), text.end(), kScheme.begin(), kScheme.end(),
                    [](char a, char b) { return LowerCase(a) == b; });
}

std::string_view Trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<uint32_t> Base64UrlDigit(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '-') return 62;
  if (digit == '_') return 63;
  return std::nullopt;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string decoded;
  uint32_t pending = 0;
  int pending_bits = 0;
  for (char letter : text) {
    std::optional<uint32_t> digit = Base64UrlDigit(letter);
    if (!digit) return std::nullopt;
    pending = (pending << 6 | *digit) & 0xfff;
    pending_bits += 6;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      decoded.push_back(static_cast<char>(pending >> pending_bits & 0xff));
    }
  }
  // A single digit behind the last group of four holds no byte; other rests must be zeros, so that
  // a token has one spelling.
  if (pending_bits >= 6 || (pending & ((1u << pending_bits) - 1)) != 0) return std::nullopt;
  return decoded;
}

}  // namespace

bool IsTokenText(std::string_view token) {
  return !token.empty() && token.size() <= kMaxTokenBytes &&
         std::all_of(token.begin(), token.end(),
                     [](char byte) { return byte > ' ' && byte < 0x7f; });
}

Result<std::optional<std::string>> BearerFromHeader(std::string_view value) {
  value = Trimmed(value);
  if (value.empty()) return std::nullopt;
  size_t end = value.find(' ');
  if (!IsScheme(value.substr(0, end))) {
    return Fail(Code::kUnauthenticated,
                "authorization header: its scheme is not Bearer, the only one there is");
  }
  std::string_view token = end == std::string_view::npos ? "" : Trimmed(value.substr(end));
  if (!IsTokenText(token)) {
    return Fail(Code::kUnauthenticated,
                "authorization header: what follows Bearer is not one token of visible ASCII "
                "characters, or is too long");
  }
  return std::string(token);
}

Result<std::optional<std::string>> BearerFromSubprotocols(std::vector<std::string>& offered) {
  auto has_token = [](std::string_view name) { return name.starts_with(kSubprotocolPrefix); };
  auto found = std::find_if(offered.begin(), offered.end(), has_token);
  if (found == offered.end()) return std::nullopt;
  std::optional<std::string> token =
      DecodeBase64Url(std::string_view(*found).substr(kSubprotocolPrefix.size()));
  size_t removed = std::erase_if(offered, has_token);
  if (removed > 1) {
    return Fail(Code::kUnauthenticated, "websocket subprotocols: more than one bearer token");
  }
  if (!token || !IsTokenText(*token)) {
    return Fail(Code::kUnauthenticated,
                "websocket subprotocols: the bearer token is not base64url without padding of "
                "visible ASCII characters, or is too long");
  }
  // The server has to choose one of those offered, and it must not be the token.
  if (offered.empty()) {
    return Fail(Code::kUnauthenticated,
                "websocket subprotocols: offer at least one besides the bearer token");
  }
  return token;
}

}  // namespace nsdebug
