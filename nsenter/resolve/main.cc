// ns-resolve: finds the process behind the name of a pod or container, and hands it to ns-enter
// over the socket at descriptor 3. Started by ns-enter, for one request.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/message_socket.h"
#include "cri/endpoint.h"
#include "cri/resolver.h"
#include "docker/endpoint.h"
#include "docker/resolver.h"
#include "nsenter/handover.h"

namespace nsdebug {
namespace {

constexpr int kSocket = 3;
constexpr int kRequestTimeoutMs = 5'000;

std::string Either(const std::string& given, const char* variable) {
  if (!given.empty()) return given;
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

Result<Target> FindTarget(cri::Runtime* runtime, const ResolveRequest& request) {
  cri::Resolver resolver(runtime);
  if (request.kind == "container") return resolver.ResolveContainer(request.target);
  const size_t slash = request.target.find('/');
  return resolver.ResolvePod({.pod_namespace = request.target.substr(0, slash),
                              .pod_name = request.target.substr(slash + 1),
                              .container = request.container,
                              .sandbox = request.sandbox});
}

Result<Target> ResolveCri(const ResolveRequest& request) {
  Result<std::unique_ptr<cri::Client>> client =
      cri::ConnectRuntime(Either(request.runtime_endpoint, "CONTAINER_RUNTIME_ENDPOINT"));
  if (!client) return Propagate(client.error());
  Result<Target> target = FindTarget(client->get(), request);
  if (!target) return target;
  Result<cri::Version> version = (*client)->GetVersion();
  if (!version) return Propagate(version.error());
  target->runtime = std::move(version->runtime_name);
  return target;
}

Result<Target> ResolveDocker(const ResolveRequest& request) {
  Result<std::string> socket = docker::ChooseEndpoint(Either(request.docker_host, "DOCKER_HOST"));
  if (!socket) return Propagate(socket.error());
  return docker::Resolve(docker::Engine({.socket_path = *socket}), request.target);
}

Result<Target> Resolve() {
  Result<Message> message = ReceiveMessage(kSocket, kRequestTimeoutMs);
  if (!message) return Propagate(message.error(), "ns-resolve is started by ns-enter");
  Result<ResolveRequest> request = DecodeRequest(message->bytes);
  if (!request) return Propagate(request.error());
  if (request->kind == "docker") return ResolveDocker(*request);
  if (request->kind == "pod" || request->kind == "container") return ResolveCri(*request);
  return Fail(Code::kInvalidArgument, "malformed request: unknown kind of target");
}

int Main() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  Result<Target> target = Resolve();
  Result<void> sent = target ? SendTarget(kSocket, *target) : SendError(kSocket, target.error());
  if (target && !sent) sent = SendError(kSocket, sent.error());
  // At once: gRPC's threads need no orderly end.
  ::_exit(sent ? 0 : 1);
}

}  // namespace
}  // namespace nsdebug

int main() { return nsdebug::Main(); }
