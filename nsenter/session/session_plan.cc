#include "nsenter/session/session_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "nsenter/handover.h"
#include "nsenter/namespace.h"
#include "nsenter/session/report.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json SpecObject(const SessionSpec& spec) {
  json object = {{"view", ViewName(spec.view)},
                 {"profile", spec.profile->name},
                 {"capabilities", CapabilityNames(spec.capabilities)},
                 {"namespaces", json::array()},
                 {"command", spec.command},
                 {"environment", spec.environment},
                 {"joinTargetCgroup", spec.join_target_cgroup},
                 {"memoryBytes", spec.limits.memory_bytes},
                 {"pids", spec.limits.pids},
                 {"cpuMillis", spec.limits.cpu_millis},
                 {"cgroupParent", spec.cgroup_parent},
                 {"deadlineMs", spec.deadline.count()},
                 {"tty", spec.tty},
                 {"rows", spec.rows},
                 {"columns", spec.columns}};
  for (const NamespaceType& type : kNamespaceTypes) {
    if ((spec.namespaces & type.flag) != 0) object["namespaces"].push_back(type.name);
  }
  if (spec.tools) object["tools"] = *spec.tools;
  if (spec.uid) object["uid"] = *spec.uid;
  if (spec.gid) object["gid"] = *spec.gid;
  if (spec.working_directory) object["workingDirectory"] = *spec.working_directory;
  return object;
}

/// Reads fields one by one and then knows whether any was left over.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {
    if (!object.is_object()) throw std::invalid_argument("not an object");
  }

  template <class T>
  void Get(const char* name, T* value) {
    *value = As<T>(object_.at(name));
    ++read_;
  }

  template <class T>
  void GetOptional(const char* name, std::optional<T>* value) {
    if (!object_.contains(name)) return;
    *value = As<T>(object_[name]);
    ++read_;
  }

  void CheckNothingLeft() const {
    if (read_ != object_.size()) throw std::invalid_argument("unknown fields");
  }

 private:
  template <class T>
  static T As(const json& value) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      return JsonInteger<T>(value);
    } else {
      return value.get<T>();
    }
  }

  const json& object_;
  size_t read_ = 0;
};

template <class T>
T Value(Result<T> result) {
  if (!result) throw std::invalid_argument(result.error().message);
  return std::move(*result);
}

SessionSpec ParseSpec(const json& object) {
  SessionSpec spec;
  Reader reader(object);
  std::string view;
  std::string profile;
  std::vector<std::string> capabilities;
  std::vector<std::string> namespaces;
  int64_t deadline_ms = 0;
  reader.Get("view", &view);
  reader.Get("profile", &profile);
  reader.Get("capabilities", &capabilities);
  reader.Get("namespaces", &namespaces);
  reader.GetOptional("tools", &spec.tools);
  reader.Get("command", &spec.command);
  reader.Get("environment", &spec.environment);
  reader.Get("joinTargetCgroup", &spec.join_target_cgroup);
  reader.Get("memoryBytes", &spec.limits.memory_bytes);
  reader.Get("pids", &spec.limits.pids);
  reader.Get("cpuMillis", &spec.limits.cpu_millis);
  reader.Get("cgroupParent", &spec.cgroup_parent);
  reader.Get("deadlineMs", &deadline_ms);
  reader.Get("tty", &spec.tty);
  reader.Get("rows", &spec.rows);
  reader.Get("columns", &spec.columns);
  reader.GetOptional("uid", &spec.uid);
  reader.GetOptional("gid", &spec.gid);
  reader.GetOptional("workingDirectory", &spec.working_directory);
  reader.CheckNothingLeft();
  spec.view = Value(ParseView(view));
  spec.profile = Value(FindProfile(profile));
  for (const std::string& name : capabilities) spec.capabilities |= Value(ParseCapability(name));
  for (const std::string& name : namespaces) spec.namespaces |= Value(ParseNamespaceList(name));
  if (deadline_ms < 0) throw std::invalid_argument("deadlineMs is negative");
  spec.deadline = std::chrono::milliseconds(deadline_ms);
  return spec;
}

/// The first descriptors of the message; those behind them are the target's.
void TakeStreams(const std::vector<json>& numbers, std::vector<UniqueFd>* fds,
                 std::array<UniqueFd, 3>* streams) {
  if (numbers.size() > fds->size()) throw std::invalid_argument("streams without descriptors");
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto number = JsonInteger<uint64_t>(numbers[i]);
    if (number >= streams->size() || (*streams)[number].valid()) {
      throw std::invalid_argument("streams are not of 0 to 2, each once");
    }
    (*streams)[number] = std::move((*fds)[i]);
  }
  fds->erase(fds->begin(), fds->begin() + static_cast<ptrdiff_t>(numbers.size()));
}

}  // namespace

Result<void> SendSessionPlan(int socket, const SessionSpec& spec, const Target& target,
                             const std::array<UniqueFd, 3>& standard_streams) {
  std::vector<int> fds;
  json streams = json::array();
  for (size_t i = 0; i < standard_streams.size(); ++i) {
    if (!standard_streams[i].valid()) continue;
    streams.push_back(i);
    fds.push_back(standard_streams[i].get());
  }
  const json plan = {{"version", kVersion},
                     {"session", SpecObject(spec)},
                     {"streams", std::move(streams)},
                     {"target", TargetObject(target, &fds)}};
  return SendMessage(socket, plan.dump(-1, ' ', false, json::error_handler_t::replace), fds);
}

Result<SessionPlan> DecodeSessionPlan(Message message) {
  try {
    const json object = ParseJson(message.bytes);
    SessionPlan plan;
    int version = 0;
    json session;
    json target;
    Reader reader(object);
    reader.Get("version", &version);
    reader.Get("session", &session);
    reader.Get("target", &target);
    std::optional<std::vector<json>> streams;
    reader.GetOptional("streams", &streams);
    reader.CheckNothingLeft();
    if (version != kVersion) throw std::invalid_argument("another version");
    if (streams) TakeStreams(*streams, &message.fds, &plan.standard_streams);
    plan.spec = ParseSpec(session);
    plan.target = ParseTarget(target, std::move(message.fds));
    if (Result<void> checked = CheckSpec(plan.spec); !checked) return Propagate(checked.error());
    return plan;
  } catch (const std::exception& e) {
    return Fail(Code::kInvalidArgument, std::string("malformed plan: ") + Printable(e.what()));
  }
}

Result<SessionPlan> ReceiveSessionPlan(int socket, int timeout_ms) {
  Result<Message> message = ReceiveMessage(socket, timeout_ms);
  if (!message) return Propagate(message.error(), "receive the plan");
  return DecodeSessionPlan(std::move(*message));
}

}  // namespace nsdebug
