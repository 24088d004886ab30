#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nsdebug {

/// What the process says about itself: one event a line on standard error, with fields that a
/// program can read. Never a token, standard input or an environment.

inline constexpr size_t kMaxLogValueBytes = 1024;  ///< more is cut with "..."
inline constexpr size_t kMaxLogLineBytes =
    8192;  ///< fields beyond are dropped, and cut=true says so

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

/// "debug", "info", "warning" or "error".
std::optional<LogLevel> ParseLogLevel(std::string_view text);

/// "text" or "json".
std::optional<LogFormat> ParseLogFormat(std::string_view text);

/// One field. The key is ours, a word of letters and '_'; the value may be anything.
struct LogField {
  LogField(std::string_view field_key, std::string field_value)
      : key(field_key), value(std::move(field_value)) {}
  LogField(std::string_view field_key, std::string_view field_value)
      : key(field_key), value(field_value) {}
  LogField(std::string_view field_key, const char* field_value)
      : key(field_key), value(field_value) {}
  LogField(std::string_view field_key, bool field_value)
      : key(field_key), value(field_value ? "true" : "false") {}
  template <std::integral Integer>
  LogField(std::string_view field_key, Integer field_value)
      : key(field_key), value(std::to_string(field_value)) {}

  std::string_view key;
  std::string value;
};

/// Before it is called: kInfo and kText. Any thread, at any time.
void SetUpLog(LogLevel level, LogFormat format);

/// Whether a line of this level is written: for fields that cost something to make.
bool IsLogged(LogLevel level);

/// Any thread. Never fails and never throws: there is nobody to tell.
///
///   Log(LogLevel::kInfo, "session opened", {{"session", id}, {"pid", pid}});
///
///   time=2026-01-02T03:04:05.678Z level=info event="session opened" session=7f3a pid=4242
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace nsdebug
