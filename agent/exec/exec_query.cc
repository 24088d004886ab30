#include <fmt/format.h>
#include <strings.h>

#include <array>

#include "agent/exec/exec_fields.h"
#include "agent/exec/exec_request.h"
#include "base/text.h"

namespace nsdebug {

namespace {

using Take = Result<void> (*)(ExecFields* fields, std::string_view name, const std::string& value);

struct Parameter {
  std::string_view name;
  bool is_repeated;
  Take take;
};

template <std::optional<std::string> ExecFields::*member>
Result<void> TakeString(ExecFields* fields, std::string_view name, const std::string& value) {
  fields->*member = value;
  return CheckText(name, value);
}

template <std::vector<std::string> ExecFields::*member>
Result<void> AddString(ExecFields* fields, std::string_view, const std::string& value) {
  (fields->*member).push_back(value);
  return {};
}

template <std::optional<uint64_t> ExecFields::*member>
Result<void> TakeWholeNumber(ExecFields* fields, std::string_view name, const std::string& value) {
  fields->*member = ParseNumber(value);
  if (!(fields->*member)) return Unexpected(name, "a whole number", value);
  return {};
}

/// As Kubernetes reads it (apimachinery's runtime/conversion.go): Python clients write "True".
template <bool ExecFields::*member>
Result<void> TakeBoolean(ExecFields* fields, std::string_view, const std::string& value) {
  fields->*member = value != "0" && ::strcasecmp(value.c_str(), "false") != 0;
  return {};
}

constexpr std::array<Parameter, 17> kParameters = {{
    {"command", true, AddString<&ExecFields::command>},
    {"container", false, TakeString<&ExecFields::container>},
    {"stdin", false, TakeBoolean<&ExecFields::want_stdin>},
    {"stdout", false, TakeBoolean<&ExecFields::want_stdout>},
    {"stderr", false, TakeBoolean<&ExecFields::want_stderr>},
    {"tty", false, TakeBoolean<&ExecFields::tty>},
    {"rows", false, TakeWholeNumber<&ExecFields::rows>},
    {"columns", false, TakeWholeNumber<&ExecFields::columns>},
    {"profile", false, TakeString<&ExecFields::profile>},
    {"view", false, TakeString<&ExecFields::view>},
    {"namespaces", true, AddString<&ExecFields::namespaces>},
    {"sandbox", false, TakeBoolean<&ExecFields::sandbox>},
    {"uid", false, TakeWholeNumber<&ExecFields::uid>},
    {"gid", false, TakeWholeNumber<&ExecFields::gid>},
    {"workingDir", false, TakeString<&ExecFields::working_directory>},
    {"env", true, AddString<&ExecFields::environment>},
    {"timeoutSeconds", false, TakeWholeNumber<&ExecFields::timeout_seconds>},
}};

Failure Unknown(std::string_view name) {
  std::string names;
  for (const Parameter& parameter : kParameters) {
    if (!names.empty()) names += ", ";
    names += parameter.name;
  }
  return Fail(Code::kInvalidArgument, fmt::format("unknown parameter '{}': the parameters are {}",
                                                  Printable(name, 64), names));
}

Result<ExecFields> ReadParameters(const QueryParameters& query) {
  ExecFields fields;
  std::array<bool, kParameters.size()> seen{};
  for (const auto& [name, value] : query) {
    size_t index = 0;
    while (index < kParameters.size() && kParameters[index].name != name) ++index;
    if (index == kParameters.size()) return Unknown(name);
    const Parameter& parameter = kParameters[index];
    if (seen[index] && !parameter.is_repeated) {
      return Unexpected(parameter.name, "one value, it is given more than once");
    }
    seen[index] = true;
    if (Result<void> taken = parameter.take(&fields, parameter.name, value); !taken) {
      return Propagate(taken.error());
    }
  }
  return fields;
}

}  // namespace

Result<ExecRequest> ParseExecQuery(const QueryParameters& query, const ExecDefaults& defaults) {
  Result<ExecFields> fields = ReadParameters(query);
  if (!fields) return Propagate(fields.error());
  if (!fields->want_stdin && !fields->want_stdout && !fields->want_stderr) {
    return Unexpected("stdin, stdout, stderr", "at least one of them to be true");
  }
  return MakeExecRequest(std::move(*fields), defaults);
}

}  // namespace nsdebug
