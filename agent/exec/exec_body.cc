#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/exec/exec_fields.h"
#include "agent/exec/exec_request.h"
#include "base/base64.h"
#include "base/text.h"

namespace nsdebug {

namespace {

using nlohmann::json;

using Take = Result<void> (*)(ExecFields* fields, std::string_view name, const json& value);

struct Field {
  std::string_view name;
  Take take;
};

/// Says the type only: the value may be a secret.
Failure WrongType(std::string_view name, std::string_view expected, const json& value) {
  return Unexpected(name, expected, value.type_name());
}

template <std::optional<std::string> ExecFields::*member>
Result<void> TakeString(ExecFields* fields, std::string_view name, const json& value) {
  if (!value.is_string()) return WrongType(name, "a string", value);
  fields->*member = value.get<std::string>();
  return CheckText(name, *(fields->*member));
}

template <std::vector<std::string> ExecFields::*member>
Result<void> TakeStrings(ExecFields* fields, std::string_view name, const json& value) {
  constexpr std::string_view kExpected = "an array of strings";
  if (!value.is_array()) return WrongType(name, kExpected, value);
  for (const json& item : value) {
    if (!item.is_string()) return WrongType(name, kExpected, item);
    (fields->*member).push_back(item.get<std::string>());
  }
  return {};
}

template <std::optional<uint64_t> ExecFields::*member>
Result<void> TakeWholeNumber(ExecFields* fields, std::string_view name, const json& value) {
  if (!value.is_number_unsigned()) {
    return Unexpected(name, "a whole number",
                      value.is_number() ? value.dump() : std::string(value.type_name()));
  }
  fields->*member = value.get<uint64_t>();
  return {};
}

template <bool ExecFields::*member>
Result<void> TakeBoolean(ExecFields* fields, std::string_view name, const json& value) {
  if (!value.is_boolean()) return WrongType(name, "true or false", value);
  fields->*member = value.get<bool>();
  return {};
}

/// Empty would be all or none of them.
Result<void> TakeNamespaces(ExecFields* fields, std::string_view name, const json& value) {
  if (value.is_array() && value.empty()) return Unexpected(name, "at least one namespace");
  return TakeStrings<&ExecFields::namespaces>(fields, name, value);
}

Result<void> TakeStdin(ExecFields* fields, std::string_view name, const json& value) {
  if (!value.is_string()) return WrongType(name, "a string", value);
  if (fields->stdin_data) return Unexpected("stdin", "either it or stdinBase64, not both");
  fields->stdin_data = value.get<std::string>();
  return {};
}

Result<void> TakeStdinBase64(ExecFields* fields, std::string_view name, const json& value) {
  if (Result<void> taken = TakeStdin(fields, name, value); !taken) return taken;
  Result<std::string> decoded = DecodeBase64(*fields->stdin_data);
  if (!decoded) return Unexpected(name, "standard base64 with its padding");
  fields->stdin_data = std::move(*decoded);
  return {};
}

constexpr std::array<Field, 14> kFields = {{
    {"command", TakeStrings<&ExecFields::command>},
    {"container", TakeString<&ExecFields::container>},
    {"stdin", TakeStdin},
    {"stdinBase64", TakeStdinBase64},
    {"profile", TakeString<&ExecFields::profile>},
    {"view", TakeString<&ExecFields::view>},
    {"namespaces", TakeNamespaces},
    {"sandbox", TakeBoolean<&ExecFields::sandbox>},
    {"uid", TakeWholeNumber<&ExecFields::uid>},
    {"gid", TakeWholeNumber<&ExecFields::gid>},
    {"workingDir", TakeString<&ExecFields::working_directory>},
    {"env", TakeStrings<&ExecFields::environment>},
    {"timeoutSeconds", TakeWholeNumber<&ExecFields::timeout_seconds>},
    {"maxOutputBytes", TakeWholeNumber<&ExecFields::max_output_bytes>},
}};

Failure Unknown(std::string_view name) {
  std::string names;
  for (const Field& field : kFields) {
    if (!names.empty()) names += ", ";
    names += field.name;
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("unknown field '{}': the fields are {}", Printable(name, 64), names));
}

/// The whole body as an object. Of two fields with one name json would silently take the last.
Result<json> ParseObject(std::string_view body) {
  std::set<std::string> names;
  std::string twice;
  const auto see = [&](int depth, json::parse_event_t event, const json& parsed) {
    if (event != json::parse_event_t::key || depth != 1) return true;
    if (!names.insert(parsed.get<std::string>()).second) twice = parsed.get<std::string>();
    return true;
  };
  json object = json::parse(body, see);
  if (!object.is_object()) return WrongType("body", "a JSON object", object);
  if (!twice.empty()) return Unexpected(Printable(twice, 64), "one value, it is given twice");
  return object;
}

Result<ExecFields> ReadFields(std::string_view body) {
  Result<json> object = ParseObject(body);
  if (!object) return Propagate(object.error());
  ExecFields fields;
  fields.want_stdout = true;
  fields.want_stderr = true;
  for (const auto& [name, value] : object->items()) {
    size_t index = 0;
    while (index < kFields.size() && kFields[index].name != name) ++index;
    if (index == kFields.size()) return Unknown(name);
    if (Result<void> taken = kFields[index].take(&fields, name, value); !taken) {
      return Propagate(taken.error());
    }
  }
  fields.want_stdin = fields.stdin_data.has_value();
  return fields;
}

}  // namespace

Result<ExecRequest> ParseExecBody(std::string_view body, const ExecDefaults& defaults) {
  if (body.size() > kMaxExecBodyBytes) {
    return Unexpected("body", fmt::format("at most {} bytes", kMaxExecBodyBytes),
                      std::to_string(body.size()));
  }
  try {
    Result<ExecFields> fields = ReadFields(body);
    if (!fields) return Propagate(fields.error());
    if (fields->command.empty()) return Unexpected("command", "at least the name of a program");
    return MakeExecRequest(std::move(*fields), defaults);
  } catch (const json::parse_error& error) {
    // Without the parser's own words, which quote the body.
    return Unexpected("body", "a JSON object",
                      fmt::format("a syntax error at byte {}", error.byte));
  } catch (const std::exception&) {
    return Unexpected("body", "a JSON object");
  }
}

}  // namespace nsdebug
