#include "remotecommand/exec_status.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/process.h"
#include "base/text.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr std::string_view kExitCodeReason = "NonZeroExitCode";
constexpr std::string_view kExitCodeCause = "ExitCode";
constexpr std::string_view kInternalErrorReason = "InternalError";
constexpr int kMaxExitCode = 255;

Failure Malformed(std::string_view what) {
  return Fail(Code::kInternal, fmt::format("malformed status of the command: {}", what));
}

/// A string member; empty when it is missing. Throws when it is something else.
std::string StringOf(const json& object, const char* name) {
  const auto member = object.find(name);
  return member == object.end() || member->is_null() ? std::string() : member->get<std::string>();
}

Result<int> ParseExitCode(const json& status) {
  const auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return Malformed("it has no details");
  const auto causes = details->find("causes");
  if (causes != details->end() && causes->is_array()) {
    for (const json& cause : *causes) {
      if (!cause.is_object() || StringOf(cause, "reason") != kExitCodeCause) continue;
      const std::string text = StringOf(cause, "message");
      const auto number = ParseNumber(text, kMaxExitCode);
      if (!number) return Malformed(fmt::format("exit code '{}'", Printable(text)));
      return static_cast<int>(*number);
    }
  }
  return Malformed("it has no exit code");
}

Result<ExecStatus> ParseObject(const json& object) {
  if (!object.is_object()) return Malformed("it is no JSON object");
  const std::string status = StringOf(object, "status");
  if (status == "Success") return ExecStatus{};
  if (status != "Failure") return Malformed(fmt::format("status '{}'", Printable(status)));
  ExecStatus parsed;
  parsed.message = Printable(StringOf(object, "message"), kMaxStatusMessageBytes);
  parsed.reason = StringOf(object, "reason");
  if (parsed.reason == kExitCodeReason) {
    Result<int> exit_code = ParseExitCode(object);
    if (!exit_code) return Propagate(exit_code.error());
    parsed.kind = ExecStatus::Kind::kExitCode;
    parsed.exit_code = *exit_code;
    return parsed;
  }
  parsed.kind = ExecStatus::Kind::kError;
  const auto code = object.find("code");
  // In range only: the rest of the status is worth more than a strange number in it.
  if (code != object.end() && code->is_number_unsigned() && code->get<uint64_t>() <= 999) {
    parsed.http_code = code->get<int>();
  }
  return parsed;
}

}  // namespace

ExecStatus ExecStatus::Exited(int exit_code) {
  if (exit_code == 0) return {};
  return {Kind::kExitCode, exit_code,
          fmt::format("command terminated with non-zero exit code: {}", exit_code),
          std::string(kExitCodeReason), 0};
}

ExecStatus ExecStatus::KilledBy(int signal_number) {
  const std::string name = SignalName(signal_number);
  const bool has_name = name.starts_with("SIG");
  return {Kind::kExitCode, 128 + signal_number,
          fmt::format("command terminated by signal {}{}", signal_number,
                      has_name ? fmt::format(" ({})", name) : std::string()),
          std::string(kExitCodeReason), 0};
}

ExecStatus ExecStatus::Failed(std::string message, std::string reason, int http_code) {
  return {Kind::kError, 0, std::move(message), std::move(reason), http_code};
}

ExecStatus ExecStatus::InternalError(std::string_view message) {
  return Failed(fmt::format("Internal error occurred: {}", message),
                std::string(kInternalErrorReason), 500);
}

std::string EncodeExecStatus(const ExecStatus& status) {
  json object = {{"metadata", json::object()},
                 {"status", status.kind == ExecStatus::Kind::kSuccess ? "Success" : "Failure"}};
  if (!status.message.empty()) object["message"] = status.message;
  if (!status.reason.empty()) object["reason"] = status.reason;
  if (status.http_code != 0) object["code"] = status.http_code;
  if (status.kind == ExecStatus::Kind::kExitCode) {
    // First and alone: the Python client takes the first cause for the exit code.
    object["details"]["causes"] = {
        {{"reason", kExitCodeCause}, {"message", std::to_string(status.exit_code)}}};
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ExecStatus> ParseExecStatus(std::string_view text) {
  if (text.empty()) return ExecStatus{};
  if (text.size() > kMaxStatusBytes) return Malformed("it is too long");
  try {
    return ParseObject(json::parse(text));
  } catch (const std::exception& e) {
    return Malformed(Printable(e.what()));
  }
}

}  // namespace nsdebug
