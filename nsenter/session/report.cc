#include "nsenter/session/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr int kVersion = 1;

constexpr std::array<std::string_view, 9> kSteps = {
    "plan", "resolve", "cgroup", "join", "view", "terminal", "identity", "seccomp", "exec"};
constexpr std::array<std::string_view, 5> kKinds = {"terminal", "started", "failed", "executed",
                                                    "ended"};

template <size_t N>
size_t IndexOf(const std::array<std::string_view, N>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw std::invalid_argument("unknown " + name);
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

std::string_view StepName(Step step) { return kSteps[static_cast<size_t>(step)]; }

std::string EncodeEvent(const SessionEvent& event) {
  json object = {{"version", kVersion}, {"event", kKinds[static_cast<size_t>(event.kind)]}};
  if (event.kind == SessionEvent::Kind::kStarted) object["pid"] = event.command;
  if (event.kind == SessionEvent::Kind::kFailed) {
    object["step"] = StepName(event.failure.step);
    object["code"] = CodeName(event.failure.error.code);
    object["errno"] = event.failure.error.error_number;
    object["message"] = event.failure.error.message;
    object["exitCode"] = event.failure.exit_code;
  }
  if (event.kind == SessionEvent::Kind::kEnded) {
    object["status"] = event.status;
    object["cause"] = event.cause;
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<SessionEvent> DecodeEvent(std::string_view text) {
  try {
    const json object = ParseJson(text);
    if (object.at("version") != kVersion) throw std::invalid_argument("another version");
    SessionEvent event;
    event.kind = static_cast<SessionEvent::Kind>(IndexOf(kKinds, object.at("event")));
    if (event.kind == SessionEvent::Kind::kStarted) {
      event.command = JsonInteger<pid_t>(object.at("pid"));
    }
    if (event.kind == SessionEvent::Kind::kFailed) {
      event.failure.step = static_cast<Step>(IndexOf(kSteps, object.at("step")));
      event.failure.error.error_number = JsonInteger<int>(object.at("errno"));
      object.at("message").get_to(event.failure.error.message);
      event.failure.exit_code = JsonInteger<int>(object.at("exitCode"));
      event.failure.error.code = ParseCode(object.at("code").get<std::string>());
    }
    if (event.kind == SessionEvent::Kind::kEnded) {
      event.status = JsonInteger<int>(object.at("status"));
      object.at("cause").get_to(event.cause);
    }
    return event;
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, std::string("malformed event of the session: ") + e.what());
  }
}

}  // namespace nsdebug
