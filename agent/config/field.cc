#include "agent/config/field.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/config/value.h"
#include "base/text.h"
#include "nsenter/profile.h"
#include "nsenter/session/session_options.h"

namespace nsdebug {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

constexpr uint64_t kKi = uint64_t{1} << 10;
constexpr uint64_t kMi = uint64_t{1} << 20;
constexpr uint64_t kGi = uint64_t{1} << 30;

// A number beyond these is a slip of the hand, not a wish.
constexpr uint64_t kMostConnections = 100'000;
constexpr uint64_t kMostRequests = 100'000;
constexpr uint64_t kMostThreads = 64;
constexpr uint64_t kMostSessions = 10'000;
constexpr uint64_t kMostOutputBytes = 64 * kMi;
constexpr uint64_t kMostBodyBytes = 4 * kMi;
constexpr uint64_t kMostHeaderBytes = kMi;
constexpr milliseconds kMostCallTime = std::chrono::minutes(5);
constexpr milliseconds kMostTtl = hours(1);  // a right that was taken away must not live longer
constexpr milliseconds kMostSessionTime = hours(24 * 7);
constexpr size_t kMostAudiences = 16;
constexpr size_t kMostTextBytes = 1024;

// As ns-enter has them: below, a session's own init could not live.
constexpr uint64_t kLeastMemoryBytes = 8 * kMi;
constexpr uint64_t kMostMemoryBytes = 1024 * kGi;
constexpr uint64_t kLeastPids = 8;
constexpr uint64_t kMostPids = 4'194'304;
constexpr uint64_t kMostCpuMillis = 1'000'000;

Field Number(std::string_view key, uint64_t& place, uint64_t least, uint64_t most) {
  return {key,
          false,
          fmt::format("a number from {} to {}", least, most),
          true,
          [&place, least, most](const Texts& texts) {
            const auto number = ParseNumber(texts[0], most);
            if (number && *number >= least) place = *number;
            return number && *number >= least;
          },
          [&place] { return Texts{std::to_string(place)}; }};
}

Field Port(std::string_view key, uint16_t& place) {
  return {key,
          false,
          "a port from 1 to 65535, or 0 for any that is free",
          true,
          [&place](const Texts& texts) {
            const auto number = ParseNumber(texts[0], UINT16_MAX);
            if (number) place = static_cast<uint16_t>(*number);
            return number.has_value();
          },
          [&place] { return Texts{std::to_string(place)}; }};
}

Field Bytes(std::string_view key, uint64_t& place, uint64_t least, uint64_t most) {
  return {key,
          false,
          fmt::format("a size from {} to {}", ShowBytes(least), ShowBytes(most)),
          true,
          [&place, least, most](const Texts& texts) {
            const Result<uint64_t> bytes = ParseBytes(texts[0]);
            if (!bytes || *bytes < least || *bytes > most) return false;
            place = *bytes;
            return true;
          },
          [&place] { return Texts{ShowBytes(place)}; }};
}

Field Cpus(std::string_view key, uint64_t& place) {
  return {key,
          false,
          "a number of CPUs from 10m to 1000, such as 1, 0.5 or 250m",
          true,
          [&place](const Texts& texts) {
            const Result<uint64_t> millis = ParseCpus(texts[0]);
            if (!millis || *millis > kMostCpuMillis) return false;
            place = *millis;
            return true;
          },
          [&place] { return Texts{fmt::format("{}m", place)}; }};
}

Field Duration(std::string_view key, milliseconds& place, milliseconds least, milliseconds most) {
  return {key,
          false,
          fmt::format("a duration from {} to {}", ShowDuration(least), ShowDuration(most)),
          true,
          [&place, least, most](const Texts& texts) {
            const Result<milliseconds> duration = ParseDuration(texts[0]);
            if (!duration || *duration < least || *duration > most) return false;
            place = *duration;
            return true;
          },
          [&place] { return Texts{ShowDuration(place)}; }};
}

Field Bool(std::string_view key, bool& place) {
  return {key,
          false,
          "true or false",
          true,
          [&place](const Texts& texts) {
            if (texts[0] == "true" || texts[0] == "false") place = texts[0] == "true";
            return texts[0] == "true" || texts[0] == "false";
          },
          [&place] { return Texts{place ? "true" : "false"}; }};
}

using IsGood = std::function<bool(std::string_view)>;

Field Text(std::string_view key, std::string& place, std::string expected, IsGood is_good) {
  return {key,
          false,
          std::move(expected),
          true,
          [&place, is_good = std::move(is_good)](const Texts& texts) {
            if (texts[0].size() > PATH_MAX || !is_good(texts[0])) return false;
            place = texts[0];
            return true;
          },
          [&place] { return Texts{place}; }};
}

IsGood OrEmpty(IsGood is_good) {
  return [is_good = std::move(is_good)](std::string_view text) {
    return text.empty() || is_good(text);
  };
}

Field Address(std::string_view key, std::string& place) {
  return Text(key, place, "an IP address such as 127.0.0.1, 0.0.0.0 or ::", IsAddress);
}

Field Path(std::string_view key, std::string& place) {
  return Text(key, place, "an absolute path without '.' and '..'", IsPath);
}

Field PathOrEmpty(std::string_view key, std::string& place) {
  return Text(key, place, "empty or an absolute path without '.' and '..'", OrEmpty(IsPath));
}

Field OneOf(std::string_view key, std::string& place, const Texts& words) {
  return Text(key, place, fmt::format("one of {}", fmt::join(words, ", ")),
              [words](std::string_view text) {
                return std::find(words.begin(), words.end(), text) != words.end();
              });
}

Field Url(std::string_view key, std::string& place) {
  Field field = Text(key, place, "empty or https://HOST[:PORT] without a user, a path or a query",
                     OrEmpty(IsServerUrl));
  field.is_quotable = false;
  return field;
}

Field List(std::string_view key, Texts& place) {
  return {key,
          true,
          fmt::format("a list of at most {} texts that are not empty", kMostAudiences),
          true,
          [&place](const Texts& texts) {
            const bool is_good = texts.size() <= kMostAudiences &&
                                 std::all_of(texts.begin(), texts.end(), [](const auto& text) {
                                   return !text.empty() && text.size() <= kMostTextBytes;
                                 });
            if (is_good) place = texts;
            return is_good;
          },
          [&place] { return place; }};
}

void AddServer(std::vector<Field>& fields, Config& config) {
  ServerConfig& server = config.server;
  fields.insert(
      fields.end(),
      {Address("server.address", server.address), Port("server.port", server.port),
       Path("server.certificateFile", server.certificate_file),
       Path("server.keyFile", server.key_file),
       Number("server.maxConnections", server.max_connections, 1, kMostConnections),
       Bytes("server.maxHeaderBytes", server.max_header_bytes, 4 * kKi, kMostHeaderBytes),
       Bytes("server.maxBodyBytes", server.max_body_bytes, 4 * kKi, kMostBodyBytes),
       Duration("server.requestTimeout", server.request_timeout, seconds(1), kMostCallTime),
       Duration("server.idleTimeout", server.idle_timeout, seconds(1), hours(1)),
       Number("server.requestsPerSecond", server.requests_per_second, 1, kMostRequests),
       Number("server.requestBurst", server.request_burst, 1, kMostRequests),
       Duration("server.stopGrace", server.stop_grace, milliseconds(0), hours(1)),
       Number("server.threads", server.threads, 1, kMostThreads),
       Address("health.address", config.health.address), Port("health.port", config.health.port)});
}

void AddPeers(std::vector<Field>& fields, Config& config) {
  RuntimeConfig& runtime = config.runtime;
  AuthConfig& auth = config.auth;
  fields.insert(
      fields.end(),
      {Text("runtime.endpoint", runtime.endpoint, "empty or unix:///PATH", OrEmpty(IsEndpoint)),
       Duration("runtime.callTimeout", runtime.call_timeout, seconds(1), kMostCallTime),
       Url("auth.apiServer.url", auth.api_server.url),
       Path("auth.apiServer.caFile", auth.api_server.ca_file),
       Path("auth.apiServer.tokenFile", auth.api_server.token_file),
       Duration("auth.apiServer.callTimeout", auth.api_server.call_timeout, seconds(1),
                kMostCallTime),
       PathOrEmpty("auth.clientCAFile", auth.client_ca_file),
       List("auth.audiences", auth.audiences),
       Duration("auth.tokenTTL", auth.token_ttl, seconds(1), kMostTtl),
       Duration("auth.allowedTTL", auth.allowed_ttl, seconds(1), kMostTtl),
       Duration("auth.deniedTTL", auth.denied_ttl, seconds(1), kMostTtl),
       PathOrEmpty("auth.staticTokensFile", auth.static_tokens_file)});
}

void AddSession(std::vector<Field>& fields, Config& config) {
  SessionConfig& session = config.session;
  Texts profiles;
  for (const Profile& profile : Profiles()) profiles.emplace_back(profile.name);
  fields.insert(
      fields.end(),
      {Path("session.nsEnter", session.ns_enter), Path("session.toolbox", session.toolbox),
       Text("session.cgroupParent", session.cgroup_parent,
            "an absolute path in the cgroup hierarchies such as /ns-debug", IsCgroup),
       Bytes("session.limits.memory", session.limits.memory_bytes, kLeastMemoryBytes,
             kMostMemoryBytes),
       Number("session.limits.pids", session.limits.pids, kLeastPids, kMostPids),
       Cpus("session.limits.cpus", session.limits.cpu_millis),
       OneOf("session.defaultProfile", session.default_profile, profiles),
       Number("session.maxSessions", session.max_sessions, 1, kMostSessions),
       Number("session.maxSessionsPerUser", session.max_sessions_per_user, 1, kMostSessions),
       Duration("session.maxDuration", session.max_duration, seconds(1), kMostSessionTime),
       Duration("session.idleTimeout", session.idle_timeout, seconds(1), kMostSessionTime),
       Bytes("session.maxOutputBytes", session.max_output_bytes, kKi, kMostOutputBytes)});
}

}  // namespace

std::vector<Field> FieldsOf(Config& config) {
  std::vector<Field> fields = {
      Text("nodeName", config.node_name, "empty or the name of a node", OrEmpty(IsNodeName)),
      Bool("standalone", config.standalone), Path("stateDirectory", config.state_directory)};
  AddServer(fields, config);
  AddPeers(fields, config);
  AddSession(fields, config);
  fields.push_back(Text("audit.path", config.audit.path,
                        "'-' for standard output, or an absolute path without '.' and '..'",
                        [](std::string_view text) { return text == "-" || IsPath(text); }));
  fields.push_back(Bool("audit.failOpen", config.audit.fail_open));
  fields.push_back(OneOf("log.level", config.log.level, {"debug", "info", "warning", "error"}));
  fields.push_back(OneOf("log.format", config.log.format, {"text", "json"}));
  return fields;
}

const Field* FindField(const std::vector<Field>& fields, std::string_view key) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.key == key; });
  return found == fields.end() ? nullptr : &*found;
}

Result<void> TakeValue(const Field& field, const std::vector<std::string>& values) {
  constexpr size_t kShownBytes = 60;
  if (!field.is_list && values.size() != 1) {
    return Fail(Code::kInvalidArgument, "expected one value: " + field.expected);
  }
  if (field.take(values)) return {};
  if (field.is_list || !field.is_quotable) {
    return Fail(Code::kInvalidArgument, "the value is not " + field.expected);
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("'{}' is not {}", Printable(values[0], kShownBytes), field.expected));
}

std::string ShowConfig(const Config& config) {
  // The fields are bound for writing too.
  Config copy = config;
  std::string text;
  for (const Field& field : FieldsOf(copy)) {
    text += fmt::format("{}={}\n", field.key, fmt::join(field.show(), ","));
  }
  return text;
}

}  // namespace nsdebug
