#include "cri/client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "cri/convert.h"
#include "cri/runtime.grpc.pb.h"
#include "cri/unix_socket.h"

namespace nsdebug::cri {

namespace {

namespace wire = ::runtime::v1;
using Stub = wire::RuntimeService::Stub;

// A program's stderr belongs to its user, and gRPC writes there about every broken connection. Who
// debugs gRPC itself says so with its own variable.
void SilenceLibraryLog() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) {
      gpr_set_log_function([](gpr_log_func_args*) {});
    }
  });
}

Code FromStatusCode(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND:
      return Code::kNotFound;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return Code::kInvalidArgument;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return Code::kPermissionDenied;
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::ALREADY_EXISTS:
      return Code::kFailedPrecondition;
    case grpc::StatusCode::ABORTED:
      return Code::kAborted;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:  // not by us: see WentAway
      return Code::kUnavailable;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Code::kDeadlineExceeded;
    case grpc::StatusCode::UNIMPLEMENTED:
      return Code::kUnimplemented;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return Code::kResourceExhausted;
    case grpc::StatusCode::UNKNOWN:
      // cri-dockerd passes the daemon's errors on without a code.
      if (status.error_message().find("No such container") != std::string::npos) {
        return Code::kNotFound;
      }
      return Code::kInternal;
    default:
      return Code::kInternal;
  }
}

/// We never cancel a call: a runtime that stops cancels those that it has not answered yet.
bool WentAway(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::CANCELLED;
}

struct Call {
  std::string_view name;
  std::chrono::milliseconds timeout;
};

}  // namespace

/// Owns the one connection. gRPC's own reconnecting channel would answer from its back-off timer
/// for up to seconds after the runtime is back, and hides why a connect failed; so the socket is
/// ours and a broken channel is thrown away.
class Client::Connector {
 public:
  Connector(std::string socket_path, std::chrono::milliseconds timeout)
      : socket_path_(std::move(socket_path)), timeout_(timeout) {}

  /// Calls one method; connects first where needed. When the runtime restarted under the call,
  /// sends it once more: all of ours only read.
  template <class Request, class Response>
  Result<Response> Invoke(const Call& call,
                          grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          const Request& request) {
    for (bool is_first = true;; is_first = false) {
      Result<std::shared_ptr<Connection>> connection = Connected();
      if (!connection) return Propagate(connection.error());
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + call.timeout);
      Response response;
      grpc::Status status = ((*connection)->stub.get()->*method)(&context, request, &response);
      if (status.ok()) return response;
      if (WentAway(status)) {
        Forget(*connection);
        if (is_first) continue;
      }
      return StatusFailure(call, status);
    }
  }

 private:
  struct Connection {
    UniqueFd watched;  // the channel's socket once more, to see that the peer has gone
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<Stub> stub;
  };

  // Shared by the connector and by each call in flight: a broken connection lives until the last
  // call on it has returned.
  Result<std::shared_ptr<Connection>> Connected() {
    std::lock_guard lock(mutex_);
    if (connection_ && !PeerHasClosed(connection_->watched.get())) return connection_;
    connection_.reset();
    Result<UniqueFd> socket_fd = ConnectUnixSocket(socket_path_, timeout_);
    if (!socket_fd) return Propagate(socket_fd.error());
    UniqueFd watched(::fcntl(socket_fd->get(), F_DUPFD_CLOEXEC, 0));
    if (!watched.valid()) return FailErrno("duplicate the container runtime's socket");

    grpc::ChannelArguments arguments;
    // As kubelet: strict HTTP/2 servers refuse a socket path as authority.
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    auto connection = std::make_shared<Connection>();
    connection->watched = std::move(watched);
    connection->channel =
        grpc::CreateCustomInsecureChannelFromFd("localhost", socket_fd->Release(), arguments);
    connection->stub = wire::RuntimeService::NewStub(connection->channel);
    connection_ = connection;
    return connection;
  }

  void Forget(const std::shared_ptr<Connection>& broken) {
    std::lock_guard lock(mutex_);
    if (connection_ == broken) connection_.reset();
  }

  Failure StatusFailure(const Call& call, const grpc::Status& status) const {
    Code code = FromStatusCode(status);
    std::string operation = fmt::format("{} on {}", call.name, Printable(socket_path_));
    if (code == Code::kDeadlineExceeded) {
      return Fail(code, fmt::format("{}: no answer within {} ms; is the runtime hanging?",
                                    operation, call.timeout.count()));
    }
    return Fail(code, fmt::format("{}: {}", operation, Printable(status.error_message())));
  }

  const std::string socket_path_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::shared_ptr<Connection> connection_;  // guarded by mutex_
};

Client::Client(std::string socket_path, ClientOptions options) : options_(options) {
  SilenceLibraryLog();
  connector_ = std::make_unique<Connector>(std::move(socket_path), options.connect_timeout);
}

Client::~Client() = default;

Result<Version> Client::GetVersion() {
  wire::VersionRequest request;
  request.set_version("v1");
  auto response =
      connector_->Invoke({"Version", options_.version_timeout}, &Stub::Version, request);
  if (!response) return Propagate(response.error());
  return Version{response->runtime_name(), response->runtime_version()};
}

Result<std::vector<PodSandbox>> Client::ListPodSandboxes(const SandboxFilter& filter) {
  wire::ListPodSandboxRequest request;
  request.mutable_filter()->set_id(filter.id);
  request.mutable_filter()->mutable_label_selector()->insert(filter.labels.begin(),
                                                             filter.labels.end());
  auto response =
      connector_->Invoke({"ListPodSandbox", options_.call_timeout}, &Stub::ListPodSandbox, request);
  if (!response) return Propagate(response.error());
  std::vector<PodSandbox> sandboxes;
  for (const wire::PodSandbox& item : response->items()) sandboxes.push_back(FromMessage(item));
  return sandboxes;
}

Result<PodSandboxStatus> Client::GetPodSandboxStatus(const std::string& id) {
  wire::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(id);
  request.set_verbose(true);
  auto response = connector_->Invoke({"PodSandboxStatus", options_.call_timeout},
                                     &Stub::PodSandboxStatus, request);
  if (!response) return Propagate(response.error());
  return FromMessage(*response);
}

Result<std::vector<Container>> Client::ListContainers(const ContainerFilter& filter) {
  wire::ListContainersRequest request;
  request.mutable_filter()->set_id(filter.id);
  request.mutable_filter()->set_pod_sandbox_id(filter.pod_sandbox_id);
  request.mutable_filter()->mutable_label_selector()->insert(filter.labels.begin(),
                                                             filter.labels.end());
  auto response =
      connector_->Invoke({"ListContainers", options_.call_timeout}, &Stub::ListContainers, request);
  if (!response) return Propagate(response.error());
  std::vector<Container> containers;
  for (const wire::Container& item : response->containers()) {
    containers.push_back(FromMessage(item));
  }
  return containers;
}

Result<ContainerStatus> Client::GetContainerStatus(const std::string& id) {
  wire::ContainerStatusRequest request;
  request.set_container_id(id);
  request.set_verbose(true);
  auto response = connector_->Invoke({"ContainerStatus", options_.call_timeout},
                                     &Stub::ContainerStatus, request);
  if (!response) return Propagate(response.error());
  return FromMessage(*response);
}

}  // namespace nsdebug::cri
