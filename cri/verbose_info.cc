#include "cri/verbose_info.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"

namespace nsdebug::cri {

namespace {

using nlohmann::json;

constexpr int64_t kMaxPid = 4'194'304;  // PID_MAX_LIMIT of the kernel

// Names of the OCI runtime spec to names in /proc/PID/ns.
const std::map<std::string, std::string>& NamespaceKinds() {
  static const std::map<std::string, std::string> kKinds = {
      {"network", "net"}, {"ipc", "ipc"}, {"uts", "uts"}, {"user", "user"}};
  return kKinds;
}

/// A number, or as CRI-O before 1.18 has it a string of digits. Negative is no pid of anybody.
pid_t ParsePid(const json& value) {
  if (value.is_string()) {
    const auto number = ParseNumber(value.get<std::string>(), kMaxPid);
    if (!number) throw std::invalid_argument("pid is not a number");
    return static_cast<pid_t>(*number);
  }
  // 1.9 must not be read as 1, the node's init.
  if (!value.is_number_integer()) throw std::invalid_argument("pid is not an integer");
  const auto number = JsonInteger<int64_t>(value);
  if (number < 0 || number > kMaxPid) throw std::invalid_argument("pid is out of range");
  return static_cast<pid_t>(number);
}

void ReadSpec(const json& spec, VerboseInfo* parsed) {
  if (!spec.is_object()) return;
  if (spec.contains("process") && spec["process"].is_object()) {
    parsed->process_spec = spec["process"].dump(-1, ' ', false, json::error_handler_t::replace);
  }
  const json annotations = spec.value("annotations", json::object());
  parsed->runtime_handler =
      annotations.value("io.kubernetes.cri-o.RuntimeHandler", parsed->runtime_handler);
  if (!spec.contains("linux") || !spec["linux"].contains("namespaces")) return;
  for (const json& entry : spec["linux"]["namespaces"]) {
    const auto kind = NamespaceKinds().find(entry.at("type").get<std::string>());
    const std::string path = entry.value("path", "");
    if (kind != NamespaceKinds().end() && !path.empty()) parsed->namespaces[kind->second] = path;
  }
}

VerboseInfo ParseObject(const json& object) {
  VerboseInfo parsed;
  if (object.contains("pid")) parsed.pid = ParsePid(object["pid"]);
  parsed.sandbox_id = object.value("sandboxID", "");
  parsed.runtime_type = object.value("runtimeType", "");
  parsed.runtime_handler = object.value("runtimeHandler", "");
  if (object.contains("runtimeSpec")) ReadSpec(object["runtimeSpec"], &parsed);
  return parsed;
}

}  // namespace

Result<VerboseInfo> ParseVerboseInfo(std::string_view call, const StringMap& info) {
  const auto entry = info.find("info");
  try {
    if (entry == info.end()) {
      VerboseInfo flat;  // CRI-O 1.17
      if (const auto pid = info.find("pid"); pid != info.end()) flat.pid = ParsePid(pid->second);
      if (const auto id = info.find("sandboxId"); id != info.end()) flat.sandbox_id = id->second;
      return flat;
    }
    if (entry->second.size() > kMaxInfoBytes) throw std::length_error("too large");
    const json object = ParseJson(entry->second);
    if (!object.is_object()) throw std::invalid_argument("not an object");
    return ParseObject(object);
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, fmt::format("{}: the runtime's verbose info cannot be read: {}",
                                             call, Printable(e.what())));
  }
}

}  // namespace nsdebug::cri
