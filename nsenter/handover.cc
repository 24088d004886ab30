#include "nsenter/handover.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr int kVersion = 1;

/// An object of this version that holds none but the known keys.
void CheckObject(const json& object, std::initializer_list<std::string_view> known) {
  if (object.at("version") != kVersion) throw std::invalid_argument("another version");
  for (const auto& item : object.items()) {
    if (item.key() != "version" &&
        std::find(known.begin(), known.end(), item.key()) == known.end()) {
      throw std::invalid_argument("unknown field " + item.key());
    }
  }
}

/// Container names and paths come from outside: bytes that are not UTF-8 must not throw.
std::string Dump(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Target ParseTarget(const json& object, std::vector<UniqueFd> fds) {
  CheckObject(object, {"pid", "runtime", "podNamespace", "podName", "containerName", "containerId",
                       "processSpec", "note", "namespaces"});
  Target target;
  target.pid = JsonInteger<pid_t>(object.at("pid"));
  object.at("runtime").get_to(target.runtime);
  object.at("podNamespace").get_to(target.pod_namespace);
  object.at("podName").get_to(target.pod_name);
  object.at("containerName").get_to(target.container_name);
  object.at("containerId").get_to(target.container_id);
  object.at("processSpec").get_to(target.process_spec);
  object.at("note").get_to(target.note);
  const json& namespaces = object.at("namespaces");
  const bool has_process = target.pid > 0;
  if (fds.size() != namespaces.size() + (has_process ? 1 : 0)) {
    throw std::invalid_argument("the number of descriptors does not match");
  }
  size_t next = 0;
  if (has_process) target.pidfd = std::move(fds[next++]);
  for (const json& item : namespaces) {
    target.namespaces.push_back({item.at("kind").get<std::string>(),
                                 item.at("path").get<std::string>(), std::move(fds[next++])});
  }
  return target;
}

std::string EncodeRequest(const ResolveRequest& request) {
  return Dump({{"version", kVersion},
               {"kind", request.kind},
               {"target", request.target},
               {"container", request.container},
               {"sandbox", request.sandbox},
               {"runtimeEndpoint", request.runtime_endpoint},
               {"dockerHost", request.docker_host}});
}

Result<ResolveRequest> DecodeRequest(std::string_view text) {
  try {
    const json object = ParseJson(text);
    CheckObject(object,
                {"kind", "target", "container", "sandbox", "runtimeEndpoint", "dockerHost"});
    return ResolveRequest{
        object.at("kind"),    object.at("target"),          object.at("container"),
        object.at("sandbox"), object.at("runtimeEndpoint"), object.at("dockerHost")};
  } catch (const std::exception& e) {
    return Fail(Code::kInvalidArgument, std::string("malformed request: ") + e.what());
  }
}

json TargetObject(const Target& target, std::vector<int>* fds) {
  if (target.pidfd.valid()) fds->push_back(target.pidfd.get());
  json namespaces = json::array();
  for (const NamespaceHandle& handle : target.namespaces) {
    namespaces.push_back({{"kind", handle.kind}, {"path", handle.path}});
    fds->push_back(handle.fd.get());
  }
  return {{"version", kVersion},
          {"pid", target.pidfd.valid() ? target.pid : 0},
          {"runtime", target.runtime},
          {"podNamespace", target.pod_namespace},
          {"podName", target.pod_name},
          {"containerName", target.container_name},
          {"containerId", target.container_id},
          {"processSpec", target.process_spec},
          {"note", target.note},
          {"namespaces", std::move(namespaces)}};
}

Result<void> SendTarget(int socket, const Target& target) {
  std::vector<int> fds;
  const std::string answer = Dump(TargetObject(target, &fds));
  return SendMessage(socket, answer, fds);
}

Result<void> SendError(int socket, const Error& error) {
  return SendMessage(
      socket,
      Dump({{"version", kVersion}, {"code", CodeName(error.code)}, {"error", error.message}}));
}

Result<Target> DecodeAnswer(Message message) {
  try {
    const json object = ParseJson(message.bytes);
    if (object.contains("error")) {
      CheckObject(object, {"code", "error"});
      return Fail(ParseCode(object.at("code").get<std::string>()), object.at("error"));
    }
    return ParseTarget(object, std::move(message.fds));
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, std::string("malformed answer of ns-resolve: ") + e.what());
  }
}

}  // namespace nsdebug
