#include "kubectl/fan_out/target_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxNamedFailures = 10;

void AddOutput(ordered_json* object, const std::string& name, const Collected& output) {
  // As the agent's one-shot exec has it.
  if (IsUtf8(output.data)) {
    (*object)[name] = output.data;
  } else {
    (*object)[name + "Base64"] = EncodeBase64(output.data);
  }
  (*object)[name + "Truncated"] = output.truncated;
}

}  // namespace

void Collected::Append(std::string_view more) {
  const size_t room = kMaxCollectedBytes - data.size();
  data.append(more.substr(0, room));
  truncated = truncated || more.size() > room;
}

std::string TargetResult::Label() const {
  return Printable(pod.empty() ? "node/" + node : name_space + "/" + pod);
}

std::string ResultJson(const TargetResult& result) {
  ordered_json object;
  if (!result.pod.empty()) {
    object["namespace"] = result.name_space;
    object["pod"] = result.pod;
  }
  object["node"] = result.node;
  object["exitCode"] = result.exit_code;
  if (!result.error.empty()) object["error"] = result.error;
  object["durationMs"] = result.duration.count();
  AddOutput(&object, "stdout", result.stdout_data);
  AddOutput(&object, "stderr", result.stderr_data);
  return object.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

std::string Summary(const std::vector<TargetResult>& results) {
  const auto succeeded = static_cast<size_t>(
      std::count_if(results.begin(), results.end(),
                    [](const TargetResult& result) { return result.succeeded(); }));
  const size_t failed = results.size() - succeeded;
  std::string text = fmt::format("{} {}: {} succeeded", results.size(),
                                 results.size() == 1 ? "target" : "targets", succeeded);
  if (failed == 0) return text;
  text += fmt::format(", {} failed (", failed);
  size_t named = 0;
  for (const TargetResult& result : results) {
    if (result.succeeded()) continue;
    if (named == kMaxNamedFailures) {
      text += ", ...";
      break;
    }
    if (named++ > 0) text += ", ";
    text += result.Label() + ": ";
    text += result.error.empty() ? fmt::format("exit code {}", result.exit_code) : result.error;
  }
  return text + ")";
}

}  // namespace nsdebug::kubectl
