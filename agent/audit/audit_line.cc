#include "agent/audit/audit_line.h"

#include <fmt/format.h>
#include <time.h>

#include <nlohmann/json.hpp>

#include "agent/audit/mask.h"
#include "base/process.h"
#include "base/text.h"

namespace nsdebug {

namespace {

// The keys stand in the order in which they are set: the same in every line.
using Json = nlohmann::ordered_json;

// Characters beyond ASCII are written as \uNNNN, so that no line can play tricks with a terminal.
// With `replace`, dump does not throw; what it would replace has been escaped before.
std::string Dump(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string Shown(const std::string& text, size_t limit = kMaxAuditFieldBytes) {
  if (!IsUtf8(text)) return Printable(text, limit);
  if (text.size() <= limit) return text;
  // Not in the middle of a character.
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// RFC 3339 in UTC, with milliseconds.
std::string TimeText(AuditTime time) {
  using std::chrono::floor;
  const auto whole = floor<std::chrono::seconds>(time);
  const auto milliseconds = floor<std::chrono::milliseconds>(time - whole).count();
  const time_t seconds = std::chrono::system_clock::to_time_t(whole);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     milliseconds);
}

Json Groups(const std::vector<std::string>& groups) {
  Json shown = Json::array();
  for (const std::string& group : groups) {
    if (shown.size() == kMaxAuditGroups) {
      shown.push_back(fmt::format("... ({} more groups)", groups.size() - kMaxAuditGroups));
      break;
    }
    shown.push_back(Shown(group));
  }
  return shown;
}

Json Command(const std::vector<std::string>& command) {
  Json shown = Json::array();
  // MaskCommand has cut it; three more bytes are its "...".
  for (const std::string& argument : MaskCommand(command)) {
    shown.push_back(Shown(argument, kMaxAuditCommandBytes + 3));
  }
  return shown;
}

void Set(Json& line, const char* key, const std::string& text) {
  if (!text.empty()) line[key] = Shown(text);
}

Json Begin(std::string_view event, const AuditSubject& subject, AuditTime time) {
  Json line;
  line["time"] = TimeText(time);
  line["event"] = event;
  Set(line, "session", subject.session_id);
  Set(line, "user", subject.user);
  if (!subject.groups.empty()) line["groups"] = Groups(subject.groups);
  Set(line, "source", subject.source);
  Set(line, "namespace", subject.pod_namespace);
  Set(line, "pod", subject.pod);
  Set(line, "container", subject.container);
  Set(line, "containerId", subject.container_id);
  if (subject.pid != 0) line["pid"] = subject.pid;
  Set(line, "node", subject.node);
  Set(line, "profile", subject.profile);
  Set(line, "view", subject.view);
  if (!subject.command.empty()) line["command"] = Command(subject.command);
  return line;
}

std::string End(Json line) {
  std::string text = Dump(line) + '\n';
  if (text.size() <= kMaxAuditLineBytes) return text;
  line.erase("groups");
  line.erase("command");
  line["cut"] = true;
  return Dump(line) + '\n';
}

}  // namespace

std::string AuditLine(const SessionOpened& event, AuditTime time) {
  return End(Begin("opened", event.subject, time));
}

std::string AuditLine(const SessionClosed& event, AuditTime time) {
  Json line = Begin("closed", event.subject, time);
  line["bytesIn"] = event.bytes_in;
  line["bytesOut"] = event.bytes_out;
  line["durationMs"] = event.duration.count();
  if (event.exit_code) line["exitCode"] = *event.exit_code;
  if (event.signal) line["signal"] = SignalName(*event.signal);
  Set(line, "cause", event.cause);
  return End(std::move(line));
}

std::string AuditLine(const SessionDenied& event, AuditTime time) {
  Json line = Begin("denied", event.subject, time);
  line["code"] = CodeName(event.code);
  Set(line, "reason", event.reason);
  return End(std::move(line));
}

}  // namespace nsdebug
