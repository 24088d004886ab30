#include "agent/audit/mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace nsdebug {

namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxNameBytes = 128;  // of a name before '=' or ':'

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return Lower(c); });
  return lower;
}

bool IsAlnum(char c) { return (Lower(c) >= 'a' && Lower(c) <= 'z') || (c >= '0' && c <= '9'); }
bool IsNameByte(char c) { return IsAlnum(c) || c == '_' || c == '-' || c == '.'; }
bool IsBase64Url(char c) { return IsAlnum(c) || c == '_' || c == '-'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }
// What ends a word of a shell, besides white space.
bool IsOperator(char c) {
  return c == ';' || c == '&' || c == '|' || c == '<' || c == '>' || c == ')';
}

size_t SkipSpaces(std::string_view text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

/// Where a value that starts at `at` ends, as a shell would see it: quotes hold it together.
/// `enclosing` is the quote that everything stands in, and ends it; 0: none.
size_t EndOfValue(std::string_view text, size_t at, char enclosing) {
  // A quote within a quoted text, as in "{\"password\":\"a b\"}".
  if (text.substr(at).starts_with("\\\"")) {
    const size_t end = text.find("\\\"", at + 2);
    if (end != kNone) return end + 2;
  }
  while (at < text.size()) {
    const char c = text[at];
    if (IsSpace(c) || IsOperator(c) || c == enclosing) break;
    if (c == '\\' && at + 1 < text.size()) {
      at += 2;
    } else if (IsQuote(c)) {
      const size_t end = text.find(c, at + 1);
      // Without its other end it is an apostrophe.
      at = end == kNone ? at + 1 : end + 1;
    } else {
      ++at;
    }
  }
  return std::min(at, text.size());
}

// The value's own quotes stay, so that what is left reads as what it was.
std::string Masked(std::string_view value) {
  if (value.empty() || value == kMask) return std::string(value);
  if (value.starts_with("\\\"") && value.ends_with("\\\"") && value.size() >= 4) {
    return fmt::format("\\\"{}\\\"", kMask);
  }
  if (value.size() >= 2 && IsQuote(value.front()) && value.back() == value.front()) {
    return value.size() == 2 ? std::string(value) : fmt::format("{0}{1}{0}", value.front(), kMask);
  }
  return std::string(kMask);
}

/// The name that ends before `at`, which is behind quotes, backslashes and spaces perhaps.
std::string_view NameBefore(std::string_view text, size_t at) {
  while (at > 0 && (IsQuote(text[at - 1]) || text[at - 1] == '\\' || text[at - 1] == ' ')) --at;
  size_t start = at;
  while (start > 0 && at - start < kMaxNameBytes && IsNameByte(text[start - 1])) --start;
  return text.substr(start, at - start);
}

/// The same, or of a header that curl's -H is joined to: -HAuthorization.
bool IsSecretBefore(std::string_view text, size_t at) {
  const std::string_view name = NameBefore(text, at);
  const bool is_joined = name.size() > 2 && name[0] == '-' && name[1] != '-';
  return IsSecretName(name) || (is_joined && IsSecretName(name.substr(2)));
}

bool IsScheme(std::string_view word) {
  constexpr std::array<std::string_view, 5> kSchemes = {"bearer", "basic", "digest", "token",
                                                        "apikey"};
  return std::find(kSchemes.begin(), kSchemes.end(), Lower(word)) != kSchemes.end();
}

/// Where the value of the name before the separator at `at` starts; kNone: it has none.
size_t StartOfValue(std::string_view text, size_t at) {
  size_t start = at + 1;
  // "TOKEN= command" sets it to nothing; "token = value" is another language than the shell's.
  if (text[at] == ':' || (at > 0 && text[at - 1] == ' ')) start = SkipSpaces(text, start);
  if (start >= text.size()) return kNone;
  // "Authorization: Basic dXNlcg==": the scheme may stay.
  size_t end = start;
  while (end < text.size() && IsAlnum(text[end])) ++end;
  if (end < text.size() && text[end] == ' ' && IsScheme(text.substr(start, end - start))) {
    return SkipSpaces(text, end);
  }
  return start;
}

/// NAME=VALUE and NAME: VALUE, anywhere.
std::string MaskAssignments(std::string_view text) {
  std::string masked;
  size_t copied = 0;
  char enclosing = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (IsQuote(c) && (enclosing == 0 || enclosing == c)) enclosing = enclosing == 0 ? c : 0;
    if ((c != '=' && c != ':') || !IsSecretBefore(text, at)) continue;
    const size_t start = StartOfValue(text, at);
    if (start == kNone) break;
    // JSON goes on right behind a value in quotes, where a shell's word would not end.
    const bool is_json = c == ':' && IsQuote(text[start]) && text[start] != enclosing;
    const size_t quote = is_json ? text.find(text[start], start + 1) : kNone;
    const size_t end = quote == kNone ? EndOfValue(text, start, enclosing) : quote + 1;
    if (end == start) continue;
    masked += text.substr(copied, start - copied);
    masked += Masked(text.substr(start, end - start));
    copied = end;
    at = end - 1;
  }
  return masked.append(text.substr(copied));
}

/// SCHEME://USER:PASSWORD@HOST, anywhere.
std::string MaskUrls(std::string_view text) {
  std::string masked;
  size_t copied = 0;
  size_t end = 0;          // of the word that we are in
  size_t last_at = kNone;  // its last '@': looked for once a word, or long ones would take for ever
  for (size_t at = text.find("://"); at != kNone; at = text.find("://", at)) {
    at += 3;
    if (at >= end) {
      end = at;
      while (end < text.size() && !IsSpace(text[end]) && !IsQuote(text[end])) ++end;
      last_at = text.substr(at, end - at).rfind('@');
      if (last_at != kNone) last_at += at;
    }
    const std::string_view rest = text.substr(at, end - at);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    const size_t colon = authority.find(':');
    if (colon == kNone) continue;
    size_t host = authority.rfind('@');
    // A password with an unescaped slash in it: what is behind the colon is no port then.
    if (host == kNone && last_at != kNone && last_at > at + colon &&
        !ParseNumber(authority.substr(colon + 1))) {
      host = last_at - at;
    }
    if (host == kNone || host <= colon + 1) continue;
    masked += text.substr(copied, at + colon + 1 - copied);
    masked += kMask;
    copied = at + host;
    at = copied;
  }
  return masked.append(text.substr(copied));
}

size_t SkipBase64Url(std::string_view text, size_t at) {
  while (at < text.size() && IsBase64Url(text[at])) ++at;
  return at;
}

/// Three base64url parts, the first of which starts as every JSON object does: {".
std::string MaskWebTokens(std::string_view text) {
  std::string masked;
  size_t copied = 0;
  for (size_t at = text.find("eyJ"); at != kNone; at = text.find("eyJ", at)) {
    const size_t first = SkipBase64Url(text, at);
    const size_t second =
        first < text.size() && text[first] == '.' ? SkipBase64Url(text, first + 1) : 0;
    const bool is_token = second > first + 1 && second < text.size() && text[second] == '.' &&
                          SkipBase64Url(text, second + 1) > second + 1;
    if (is_token) {
      masked += text.substr(copied, at - copied);
      masked += kMask;
      copied = SkipBase64Url(text, second + 1);
    }
    at = is_token ? copied : first;
  }
  return masked.append(text.substr(copied));
}

/// The word behind "Bearer", anywhere.
std::string MaskBearers(std::string_view text) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string lower = Lower(text);
  std::string masked;
  size_t copied = 0;
  for (size_t at = lower.find(kScheme); at != kNone; at = lower.find(kScheme, at)) {
    at = SkipSpaces(text, at + kScheme.size());
    size_t end = at;
    while (end < text.size() && !IsSpace(text[end]) && !IsQuote(text[end])) ++end;
    if (end == at) continue;
    masked += text.substr(copied, at - copied);
    masked += kMask;
    copied = at = end;
  }
  return masked.append(text.substr(copied));
}

/// The name of an option, without its dashes; empty: it is none.
std::string_view OptionName(std::string_view word) {
  const size_t start = word.find_first_not_of('-');
  if (start == kNone || start == 0 || start > 2) return {};
  const std::string_view name = word.substr(start);
  return std::all_of(name.begin(), name.end(), IsNameByte) ? name : std::string_view{};
}

bool IsSecretOption(std::string_view word) { return IsSecretName(OptionName(word)); }

bool IsUserOption(std::string_view word) {
  return word == "-u" || word == "--user" || word == "-U" || word == "--proxy-user";
}

/// "USER:***"; user and group ids, as of docker's -u, stay, and so do URLs, as of redis-cli's.
std::string MaskUser(std::string_view value) {
  const size_t colon = value.find(':');
  if (colon == kNone || colon + 1 == value.size()) return std::string(value);
  if (value.substr(colon).starts_with("://")) return std::string(value);
  if (ParseNumber(value.substr(0, colon)) && ParseNumber(value.substr(colon + 1))) {
    return std::string(value);
  }
  const char quote = IsQuote(value.back()) && value.front() == value.back() ? value.back() : 0;
  std::string masked = fmt::format("{}:{}", value.substr(0, colon), kMask);
  if (quote != 0) masked.push_back(quote);
  return masked;
}

/// -uUSER:PASSWORD and --user=USER:PASSWORD in one word, whatever word it is.
std::string MaskJoinedUser(std::string_view word) {
  for (const std::string_view option : {"--user=", "--proxy-user=", "-u", "-U"}) {
    if (!word.starts_with(option)) continue;
    return std::string(option) + MaskUser(word.substr(option.size()));
  }
  return std::string(word);
}

/// --NAME VALUE, and curl's -u USER:PASSWORD, as words within a text.
std::string MaskOptions(std::string_view text) {
  std::string masked;
  char enclosing = 0;
  size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (IsQuote(c) && (enclosing == 0 || enclosing == c)) enclosing = enclosing == 0 ? c : 0;
    if (c != '-' || (at > 0 && !IsSpace(text[at - 1]) && !IsQuote(text[at - 1]))) {
      masked.push_back(c);
      ++at;
      continue;
    }
    const size_t end = EndOfValue(text, at, enclosing);
    const std::string_view word = text.substr(at, end - at);
    masked += MaskJoinedUser(word);
    at = end;
    if (!IsSecretOption(word) && !IsUserOption(word)) continue;
    const size_t start = SkipSpaces(text, end);
    masked += text.substr(end, start - end);
    at = start;
    if (start == end || start == text.size() || text[start] == '-') continue;
    at = EndOfValue(text, start, enclosing);
    const std::string_view value = text.substr(start, at - start);
    masked += IsSecretOption(word) ? Masked(value) : MaskUser(value);
  }
  return masked;
}

/// -c, -lc, -ec: the next argument is a script.
bool IsScriptOption(std::string_view word) {
  return word.size() >= 2 && word.size() <= 6 && word.front() == '-' && word.back() == 'c' &&
         std::all_of(word.begin() + 1, word.end(), IsAlnum);
}

/// One argument, given the one before it.
std::string MaskArgument(std::string_view previous, std::string_view argument) {
  const bool is_option = argument.starts_with('-');
  if (!is_option && !argument.empty()) {
    if (IsSecretOption(previous)) return std::string(kMask);
    if (IsUserOption(previous)) return MaskUser(MaskText(argument));
  }
  // Outside of a script spaces belong to the value: PASSWORD="two words" came as one argument.
  const size_t separator = argument.find('=');
  if (separator != kNone && (is_option || !IsScriptOption(previous))) {
    const std::string_view name = argument.substr(0, separator);
    if (std::all_of(name.begin(), name.end(), IsNameByte) && IsSecretName(name)) {
      const bool is_empty = separator + 1 == argument.size();
      return fmt::format("{}={}", name, is_empty ? std::string_view{} : kMask);
    }
  }
  return MaskText(argument);
}

// Never in the middle of a character.
std::string Cut(std::string_view text, size_t limit) {
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return std::string(text.substr(0, limit)) + "...";
}

}  // namespace

bool IsSecretName(std::string_view name) {
  constexpr std::array<std::string_view, 7> kParts = {
      "password", "passwd", "secret", "token", "apikey", "credential", "privatekey"};
  constexpr std::array<std::string_view, 6> kWords = {"auth", "authorization", "cookie",
                                                      "pass", "passphrase",    "pwd"};
  std::string lower = Lower(name);
  if (lower == "pwd" || lower == "oldpwd") return false;
  std::replace_if(
      lower.begin(), lower.end(), [](char c) { return !IsAlnum(c); }, '-');
  for (const std::string_view word : Split(lower, '-')) {
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) return true;
  }
  lower.erase(std::remove(lower.begin(), lower.end(), '-'), lower.end());
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return lower.find(part) != kNone; });
}

std::string MaskText(std::string_view text) {
  // Tokens and URLs first: what is left of them is a value that the others may mask again.
  return MaskOptions(MaskAssignments(MaskBearers(MaskUrls(MaskWebTokens(text)))));
}

std::vector<std::string> MaskCommand(const std::vector<std::string>& command) {
  std::vector<std::string> masked;
  size_t left = kMaxAuditCommandBytes;
  for (size_t i = 0; i < command.size(); ++i) {
    if (left == 0 || i == kMaxAuditArguments) {
      masked.push_back(fmt::format("... ({} more arguments)", command.size() - i));
      break;
    }
    // Masked before it is cut: half a token would not look like one.
    std::string argument = MaskArgument(i == 0 ? "" : command[i - 1], command[i]);
    if (argument.size() > left) argument = Cut(argument, left);
    left -= std::min(left, argument.size());
    masked.push_back(std::move(argument));
  }
  return masked;
}

}  // namespace nsdebug
