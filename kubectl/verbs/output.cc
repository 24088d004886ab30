#include "kubectl/verbs/output.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::ordered_json;

/// Whether a text means itself in YAML without quotes, to readers of 1.1 and of 1.2.
bool IsPlain(std::string_view text) {
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no", "on",
                                                      "off",  "null",  "y",   "n"};
  constexpr std::string_view kInside =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  if (text.empty() || text.find_first_not_of(kInside) != std::string_view::npos) return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const bool is_letter = lower.front() >= 'a' && lower.front() <= 'z';
  return is_letter && std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

void EmitText(YAML::Emitter& out, const std::string& text) {
  if (!IsPlain(text)) out << YAML::DoubleQuoted;
  out << text;
}

void Emit(YAML::Emitter& out, const ordered_json& value) {
  if (value.is_object()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [name, member] : value.items()) {
      out << YAML::Key;
      EmitText(out, name);
      out << YAML::Value;
      Emit(out, member);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const ordered_json& item : value) Emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    EmitText(out, value.get_ref<const std::string&>());
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

}  // namespace

Result<OutputFormat> ParseOutputFormat(std::string_view name) {
  if (name.empty()) return OutputFormat::kText;
  if (name == "wide") return OutputFormat::kWide;
  if (name == "json") return OutputFormat::kJson;
  if (name == "yaml") return OutputFormat::kYaml;
  return Fail(Code::kInvalidArgument,
              fmt::format("-o: expected wide, json or yaml, got '{}'", Printable(name)));
}

Result<ordered_json> ParseAnswer(std::string_view text) {
  try {
    // The depth is checked there; the order of members is the agent's here.
    (void)ParseJson(text);
    ordered_json document = ordered_json::parse(text);
    if (document.is_object()) return document;
  } catch (const std::exception&) {
  }
  return Fail(Code::kInternal, "the agent's answer is not a JSON object: is it an ns-debug agent?");
}

std::string Render(const ordered_json& document, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    return document.dump(2, ' ', true, ordered_json::error_handler_t::replace) + "\n";
  }
  YAML::Emitter out;
  out << YAML::EscapeNonAscii;
  Emit(out, document);
  return std::string(out.c_str()) + "\n";
}

std::string TextOf(const ordered_json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) return {};
  const ordered_json& member = object[name];
  if (member.is_string()) return member.get<std::string>();
  return member.is_number() || member.is_boolean() ? member.dump() : std::string();
}

const ordered_json& ListOf(const ordered_json& object, const char* name) {
  static const ordered_json kEmpty = ordered_json::array();
  if (!object.is_object() || !object.contains(name)) return kEmpty;
  return object[name].is_array() ? object[name] : kEmpty;
}

std::string AgeOf(std::string_view timestamp) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  const auto time = ParseTimestamp(timestamp);
  if (!time) return {};
  const auto age = std::chrono::system_clock::now() - *time;
  const int64_t seconds =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
  // Two of the smaller unit before the larger one is used, as kubectl does it.
  if (seconds < 2 * kMinute) return fmt::format("{}s", seconds);
  if (seconds < 2 * kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < 2 * kDay) return fmt::format("{}h", seconds / kHour);
  return fmt::format("{}d", seconds / kDay);
}

}  // namespace nsdebug::kubectl
