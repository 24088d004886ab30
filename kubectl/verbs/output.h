#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug::kubectl {

/// What -o says.
enum class OutputFormat { kText, kWide, kJson, kYaml };

/// "", "wide", "json" or "yaml". kInvalidArgument: another one.
Result<OutputFormat> ParseOutputFormat(std::string_view name);

/// An agent's answer. kInternal: it is no JSON object.
Result<nlohmann::ordered_json> ParseAnswer(std::string_view text);

/// For kJson and kYaml, with a newline at the end. ASCII, whatever is in it.
std::string Render(const nlohmann::ordered_json& document, OutputFormat format);

/// A member's text; empty when it is missing or no text. Numbers and truths are written out.
std::string TextOf(const nlohmann::ordered_json& object, const char* name);

/// A member that is an array; an empty one when it is missing or none.
const nlohmann::ordered_json& ListOf(const nlohmann::ordered_json& object, const char* name);

/// The time since an RFC 3339 timestamp as kubectl's AGE column has it: "42s", "7m", "3h", "5d".
/// Empty when it is no timestamp.
std::string AgeOf(std::string_view timestamp);

}  // namespace nsdebug::kubectl
