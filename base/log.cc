#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>

#include "base/text.h"

namespace nsdebug {

namespace {

// The time is UTC; the level's names are those of ParseLogLevel.
constexpr const char* kTextPattern = "time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

std::atomic<LogFormat> g_format = LogFormat::kText;

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

void SetPattern(spdlog::logger& logger, const char* pattern) {
  logger.set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
}

spdlog::logger& Logger() {
  // Never destroyed: other threads may still log while the process exits.
  static spdlog::logger* logger = [] {
    auto* made = new spdlog::logger("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    SetPattern(*made, kTextPattern);
    // The default handler would write to the standard error that just failed.
    made->set_error_handler([](const std::string&) {});
    return made;
  }();
  return *logger;
}

bool IsPlain(char c) {
  constexpr std::string_view kMarks = "._-:/@+,%*";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

// In quotes, printable, so that one event is one line and no value looks like another field. The
// same form is right in both formats: JSON escapes these two characters just so.
std::string Quoted(std::string_view value) {
  std::string quoted = "\"";
  for (char c : Printable(value, kMaxLogValueBytes)) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + '"';
}

std::string FieldText(LogFormat format, std::string_view key, std::string_view value) {
  if (format == LogFormat::kJson) return Quoted(key) + ':' + Quoted(value);
  const bool is_plain = !value.empty() && value.size() <= kMaxLogValueBytes &&
                        std::all_of(value.begin(), value.end(), IsPlain);
  return std::string(key) + '=' + (is_plain ? std::string(value) : Quoted(value));
}

}  // namespace

std::optional<LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return std::nullopt;
}

void SetUpLog(LogLevel level, LogFormat format) {
  spdlog::logger& logger = Logger();
  logger.set_level(LevelOf(level));
  SetPattern(logger, format == LogFormat::kJson ? kJsonPattern : kTextPattern);
  g_format = format;
}

bool IsLogged(LogLevel level) { return Logger().should_log(LevelOf(level)); }

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  try {
    if (!IsLogged(level)) return;
    const LogFormat format = g_format;
    const char separator = format == LogFormat::kJson ? ',' : ' ';
    std::string line = FieldText(format, "event", event);
    for (const LogField& field : fields) {
      const std::string text = FieldText(format, field.key, field.value);
      if (line.size() + text.size() > kMaxLogLineBytes) {
        line += separator + FieldText(format, "cut", "true");
        break;
      }
      line += separator + text;
    }
    Logger().log(LevelOf(level), line);
  } catch (const std::exception&) {
    // Out of memory, or the like: what is being logged matters more than the line.
    return;
  }
}

}  // namespace nsdebug
