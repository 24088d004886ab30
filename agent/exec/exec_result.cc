#include "agent/exec/exec_result.h"

#include <sys/wait.h>

#include <nlohmann/json.hpp>

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

void AddOutput(json* object, const std::string& name, std::string_view data, bool truncated) {
  const std::string_view text = truncated ? WholeCharacters(data) : data;
  if (IsUtf8(text)) {
    (*object)[name] = text;
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

std::string EncodeExecResult(const ExecResult& result) {
  json object = {{"cause", result.cause},
                 {"durationMs", result.duration.count()},
                 {"target", TargetObject(result.target)}};
  if (WIFSIGNALED(result.status)) {
    object["exitCode"] = 128 + WTERMSIG(result.status);
    object["signal"] = SignalName(WTERMSIG(result.status));
  } else {
    object["exitCode"] = WEXITSTATUS(result.status);
  }
  AddOutput(&object, "stdout", result.stdout_data, result.stdout_truncated);
  AddOutput(&object, "stderr", result.stderr_data, result.stderr_truncated);
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace nsdebug
