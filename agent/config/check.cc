#include "agent/config/check.h"

#include <fmt/format.h>

#include "agent/config/field.h"
#include "agent/config/value.h"

namespace nsdebug {

namespace {

class Checker {
 public:
  explicit Checker(const Settings& settings) : settings_(settings) {}

  // A value that a flag or a program put there has not passed the file's reader. Reading what the
  // value shows as is the same check, from the same table.
  void CheckRanges() {
    Config copy = settings_.config;
    for (const Field& field : FieldsOf(copy)) {
      Result<void> taken = TakeValue(field, field.show());
      if (!taken) Add(field.key, taken.error().message);
    }
  }

  void CheckListeners() {
    const ServerConfig& server = settings_.config.server;
    const HealthConfig& health = settings_.config.health;
    if (server.port != health.port || server.port == 0) return;
    if (server.address == health.address || IsAny(server.address) || IsAny(health.address)) {
      Add("health.port", fmt::format("{} is server.port too, on the same address: change one of "
                                     "the two",
                                     health.port));
    }
  }

  void CheckSessions() {
    const SessionConfig& session = settings_.config.session;
    if (session.max_sessions_per_user > session.max_sessions) {
      Add("session.maxSessionsPerUser",
          fmt::format("{} is more than session.maxSessions, {}: lower the one or raise the other",
                      session.max_sessions_per_user, session.max_sessions));
    }
    if (session.idle_timeout > session.max_duration) {
      Add("session.idleTimeout",
          fmt::format("{} is more than session.maxDuration, {}, and would never be reached: lower "
                      "the one or raise the other",
                      ShowDuration(session.idle_timeout), ShowDuration(session.max_duration)));
    }
    const ServerConfig& server = settings_.config.server;
    if (server.request_burst < server.requests_per_second) {
      Add("server.requestBurst",
          fmt::format("{} is less than server.requestsPerSecond, {}, which could never be reached: "
                      "raise the one or lower the other",
                      server.request_burst, server.requests_per_second));
    }
  }

  // A key that would be ignored in silence: for one about who may come in that is a hole or a
  // riddle.
  void CheckStandalone() {
    const AuthConfig& auth = settings_.config.auth;
    if (!settings_.config.standalone) {
      if (!auth.static_tokens_file.empty()) {
        Add("auth.staticTokensFile",
            "static tokens are for an agent without Kubernetes only: remove it, or set standalone");
      }
      return;
    }
    constexpr std::string_view kNoApiServer =
        "a standalone agent asks no API server: remove it, or do not set standalone";
    if (!auth.api_server.url.empty()) Add("auth.apiServer.url", kNoApiServer);
    if (!auth.audiences.empty()) Add("auth.audiences", kNoApiServer);
    if (!auth.client_ca_file.empty()) {
      Add("auth.clientCAFile",
          "a standalone agent knows its callers by static tokens and takes no client "
          "certificates: remove it, or do not set standalone");
    }
  }

  Problems Take() { return std::move(problems_); }

 private:
  static bool IsAny(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

  void Add(std::string_view key, std::string_view text) {
    const auto origin = settings_.origins.find(std::string(key));
    problems_.push_back(origin == settings_.origins.end()
                            ? fmt::format("{}: {}", key, text)
                            : fmt::format("{}: {}: {}", origin->second, key, text));
  }

  const Settings& settings_;
  Problems problems_;
};

}  // namespace

Problems CheckConfig(const Settings& settings) {
  Checker checker(settings);
  checker.CheckRanges();
  checker.CheckListeners();
  checker.CheckSessions();
  checker.CheckStandalone();
  return checker.Take();
}

}  // namespace nsdebug
