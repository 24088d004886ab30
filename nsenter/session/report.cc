#include "nsenter/session/report.h"

#include <array>
#include <nlohmann/json.hpp>

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 9> kStepNames = {
    "plan", "resolve", "cgroup", "join", "view", "terminal", "identity", "seccomp", "exec"};

}  // namespace

std::string_view StepName(Step step) { return kStepNames[static_cast<size_t>(step)]; }

std::string EncodeFailure(const SetupFailure& failure) {
  const json object = {{"version", 1},
                       {"event", "failed"},
                       {"step", StepName(failure.step)},
                       {"errno", failure.error.error_number},
                       {"message", failure.error.message},
                       {"exitCode", failure.exit_code}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<SetupFailure> DecodeFailure(std::string_view text) {
  try {
    const json object = json::parse(text);
    if (object.at("version") != 1 || object.at("event") != "failed") {
      throw std::invalid_argument("not a failure of this version");
    }
    SetupFailure failure;
    const std::string step = object.at("step");
    for (size_t i = 0; i < kStepNames.size(); ++i) {
      if (kStepNames[i] == step) failure.step = static_cast<Step>(i);
    }
    failure.error.code = Code::kInternal;
    object.at("message").get_to(failure.error.message);
    object.at("errno").get_to(failure.error.error_number);
    object.at("exitCode").get_to(failure.exit_code);
    return failure;
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, std::string("malformed report of the session: ") + e.what());
  }
}

}  // namespace nsdebug
