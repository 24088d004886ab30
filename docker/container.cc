#include "docker/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace nsdebug::docker {

namespace {

using nlohmann::json;

// Docker sets no limit of its own; a host name could not use more.
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kIdDigits = 64;
constexpr size_t kMaxWordBytes = 255;

bool IsAlphanumeric(char byte) {
  // Not std::isalnum, which follows the locale.
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9');
}

bool IsContainerId(std::string_view text) {
  return text.size() == kIdDigits && std::all_of(text.begin(), text.end(), [](char byte) {
           return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
         });
}

// Below, no accessor of the library that throws on a wrong type.
std::optional<json> ParseObject(std::string_view text) {
  try {
    json parsed = ParseJson(text);
    if (parsed.is_object()) return parsed;
  } catch (const std::exception&) {  // Not JSON, or nested too deeply: no answer either way.
  }
  return std::nullopt;
}

const json* FindField(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  auto field = object.find(key);
  return field == object.end() ? nullptr : &*field;
}

std::optional<std::string> FindText(const json& object, const char* key) {
  const json* field = FindField(object, key);
  if (field == nullptr || !field->is_string()) return std::nullopt;
  return field->get_ref<const std::string&>();
}

std::optional<int64_t> FindInteger(const json& object, const char* key) {
  const json* field = FindField(object, key);
  if (field == nullptr || !field->is_number_integer()) return std::nullopt;
  if (field->is_number_unsigned() &&
      field->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return std::nullopt;
  }
  return field->get<int64_t>();
}

bool FindFlag(const json& object, const char* key) {
  const json* field = FindField(object, key);
  return field != nullptr && field->is_boolean() && field->get<bool>();
}

Failure WrongField(std::string_view field, std::string_view expected) {
  return Fail(Code::kInternal,
              fmt::format("description of a container: {} is not {}", field, expected));
}

Result<void> ReadState(const json& state, Container* container) {
  std::optional<std::string> status = FindText(state, "Status");
  if (!status || status->empty() || status->size() > kMaxWordBytes) {
    return WrongField("State.Status", "a word");
  }
  std::optional<int64_t> pid = FindInteger(state, "Pid");
  if (!pid || *pid < 0 || *pid > std::numeric_limits<pid_t>::max()) {
    return WrongField("State.Pid", "a process id");
  }
  container->status = *status;
  container->pid = static_cast<pid_t>(*pid);
  container->is_running = FindFlag(state, "Running");
  container->is_paused = FindFlag(state, "Paused");
  container->exit_code = FindInteger(state, "ExitCode").value_or(0);
  return {};
}

}  // namespace

bool IsContainerName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || !IsAlphanumeric(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [](char byte) {
    return IsAlphanumeric(byte) || byte == '_' || byte == '.' || byte == '-';
  });
}

Result<Container> ParseContainer(std::string_view json_text) {
  std::optional<json> object = ParseObject(json_text);
  if (!object) return WrongField("the answer", "a JSON object");
  Container container;

  // The id decides which cgroup counts as the container's, so it must not be shorter or looser.
  std::optional<std::string> id = FindText(*object, "Id");
  if (!id || !IsContainerId(*id)) return WrongField("Id", "64 hexadecimal digits");
  container.id = *id;

  std::string name = FindText(*object, "Name").value_or("");
  if (name.starts_with('/')) name.erase(0, 1);
  if (!IsContainerName(name)) return WrongField("Name", "a container's name");
  container.name = name;

  const json* state = FindField(*object, "State");
  if (state == nullptr) return WrongField("State", "an object");
  Result<void> read = ReadState(*state, &container);
  if (!read) return Propagate(read.error());

  const json* host_config = FindField(*object, "HostConfig");
  if (host_config != nullptr) {
    container.oci_runtime = FindText(*host_config, "Runtime").value_or("");
  }
  return container;
}

Result<std::string> ParsePodmanRuntime(std::string_view json_text) {
  std::optional<json> object = ParseObject(json_text);
  if (!object) return WrongField("the answer", "a JSON object");
  std::optional<std::string> runtime = FindText(*object, "OCIRuntime");
  if (!runtime) return WrongField("OCIRuntime", "a word");
  return *runtime;
}

std::string ParseErrorMessage(std::string_view json_text) {
  std::optional<json> object = ParseObject(json_text);
  if (!object) return "";
  return FindText(*object, "message").value_or("");
}

}  // namespace nsdebug::docker
