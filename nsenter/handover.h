#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/message_socket.h"
#include "base/target.h"

namespace nsdebug {

/// Between ns-enter and ns-resolve, the program that knows container runtimes: one request, one
/// answer, as JSON over a message socket; descriptors travel beside the answer. Both ends refuse
/// another version and fields they do not know.
struct ResolveRequest {
  std::string kind;  ///< "container", "pod" or "docker"
  std::string target;
  std::string container;
  bool sandbox = false;
  std::string runtime_endpoint;  ///< empty: from the environment, else probed
  std::string docker_host;       ///< likewise
};

std::string EncodeRequest(const ResolveRequest& request);
Result<ResolveRequest> DecodeRequest(std::string_view text);

/// A target as an object, and the descriptors that go beside it, behind those in `fds`; they stay
/// the caller's.
nlohmann::json TargetObject(const Target& target, std::vector<int>* fds);
/// The other way round, with these descriptors. Throws std::exception when it is not one.
Target ParseTarget(const nlohmann::json& object, std::vector<UniqueFd> fds);

/// Sends what was found; the descriptors stay the caller's.
Result<void> SendTarget(int socket, const Target& target);
/// Sends why nothing was found.
Result<void> SendError(int socket, const Error& error);

/// The answer: a target with its descriptors, or the error that the resolver sent.
Result<Target> DecodeAnswer(Message message);

}  // namespace nsdebug
