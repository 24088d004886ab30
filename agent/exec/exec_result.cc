#include "agent/exec/exec_result.h"

#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/process.h"
#include "base/text.h"

namespace nsdebug {

namespace {

using nlohmann::json;

/// Without the last character when its end is missing.
std::string_view WholeCharacters(std::string_view text) {
  constexpr size_t kMaxFollowers = 3;
  size_t followers = 0;
  while (followers < kMaxFollowers && followers < text.size() &&
         (static_cast<unsigned char>(text[text.size() - 1 - followers]) & 0xc0) == 0x80) {
    ++followers;
  }
  if (followers == text.size()) return text;
  const auto lead = static_cast<unsigned char>(text[text.size() - 1 - followers]);
  const size_t wanted = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  return followers < wanted ? text.substr(0, text.size() - 1 - followers) : text;
}

/// What JSON text has more than its text.
size_t EscapeBytes(std::string_view text) {
  constexpr size_t kLongEscape = 5;  // u0000
  size_t bytes = 0;
  for (const char c : text) {
    const bool is_short = c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v');
    const bool is_long = static_cast<unsigned char>(c) < 0x20;
    bytes += is_short ? 1 : is_long ? kLongEscape : 0;
  }
  return bytes;
}

bool IsText(std::string_view text) {
  if (!IsUtf8(text)) return false;
  const size_t escapes = EscapeBytes(text);
  return escapes <= kMaxEscapeBytes || escapes <= text.size() / 2;
}

void AddOutput(json* object, const std::string& name, std::string data, bool truncated) {
  const std::string_view text = truncated ? WholeCharacters(data) : data;
  if (IsText(text)) {
    data.resize(text.size());
    (*object)[name] = std::move(data);
  } else {
    (*object)[name + "Base64"] = EncodeBase64(data);
  }
  (*object)[name + "Truncated"] = truncated;
}

json TargetObject(const ExecResult::Where& target) {
  json object = {{"pid", target.pid}, {"node", target.node}};
  const std::pair<const char*, const std::string&> of_pod[] = {
      {"namespace", target.pod_namespace},
      {"pod", target.pod},
      {"container", target.container},
      {"containerId", target.container_id}};
  for (const auto& [name, value] : of_pod) {
    if (!value.empty()) object[name] = value;
  }
  return object;
}

}  // namespace

std::string EncodeExecResult(ExecResult result) {
  json object = {{"cause", result.cause},
                 {"durationMs", result.duration.count()},
                 {"target", TargetObject(result.target)}};
  if (WIFSIGNALED(result.status)) {
    object["exitCode"] = 128 + WTERMSIG(result.status);
    object["signal"] = SignalName(WTERMSIG(result.status));
  } else {
    object["exitCode"] = WEXITSTATUS(result.status);
  }
  AddOutput(&object, "stdout", std::move(result.stdout_data), result.stdout_truncated);
  AddOutput(&object, "stderr", std::move(result.stderr_data), result.stderr_truncated);
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace nsdebug
