#include "agent/server/exec_handler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <optional>
#include <utility>

#include "agent/audit/mask.h"
#include "agent/server/session_status.h"
#include "agent/server/status_response.h"
#include "base/log.h"
#include "remotecommand/exec_status.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug {

namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds Milliseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

/// The answer of a handler that has used the connection up.
Response Taken() {
  Response response;
  response.status = 0;
  return response;
}

/// The session was set up, and there is no such command in it: that is the caller's to read as an
/// exit code, as of a shell.
bool IsExecFailure(const SessionEnd& end) {
  return end.failure && end.failure->is_refused_command();
}

/// Ends that tell nothing of what the command did: no exit code could stand for them.
bool IsUnknownEnd(EndCause cause) {
  return cause == EndCause::kLost || cause == EndCause::kTargetGone ||
         cause == EndCause::kAgentStopping || cause == EndCause::kClientGone;
}

UniqueFd Duplicate(const UniqueFd& fd) {
  return UniqueFd(fd.valid() ? ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
}

/// Before anything of the session is started.
std::optional<Response> CheckUpgrade(Request::Upgrade upgrade) {
  switch (upgrade) {
    case Request::Upgrade::kWebSocket:
      return std::nullopt;
    case Request::Upgrade::kNone:
      return StatusResponse(400, "BadRequest",
                            "an upgrade to WebSocket was expected, or POST for a one-shot exec");
    case Request::Upgrade::kMalformedWebSocket:
      return StatusResponse(400, "BadRequest",
                            "malformed upgrade to WebSocket: Host, a Sec-WebSocket-Key of 16 bytes "
                            "in base64, and nothing behind the header were expected");
    case Request::Upgrade::kOtherWebSocketVersion:
      break;
  }
  Response response =
      StatusResponse(426, "UpgradeRequired", "Sec-WebSocket-Version 13 was expected");
  response.headers.emplace_back("Sec-WebSocket-Version", "13");
  return response;
}

}  // namespace

/// A session from its place in the registry to its last audit line.
struct ExecHandler::Running {
  SessionRegistry::Slot slot;
  ExecRequest exec;
  std::shared_ptr<const Target> target;
  AuditSubject subject;
  Clock::time_point started = Clock::now();
};

ExecDefaults ExecHandler::Defaults(const Request& request, Dialect dialect) const {
  const SessionConfig& session = parts_.config->session;
  ExecDefaults defaults;
  defaults.view = dialect == Dialect::kStock ? View::kContainer : View::kToolbox;
  defaults.profile = session.default_profile;
  defaults.is_node = request.parameters.contains("node");
  // In a pod this root is the image's. On a bare node it is the node's, with all of its files; that
  // the node itself may see them is no news.
  const bool is_nodes_root = parts_.config->standalone && session.toolbox == "/";
  if (!is_nodes_root || defaults.is_node) defaults.toolbox = session.toolbox;
  defaults.cgroup_parent = session.cgroup_parent;
  defaults.limits = session.limits;
  defaults.max_duration = session.max_duration;
  defaults.max_output_bytes = session.max_output_bytes;
  return defaults;
}

asio::awaitable<Response> ExecHandler::Stream(const Request& request, Exchange* exchange,
                                              Dialect dialect) const {
  std::optional<Response> refused = CheckUpgrade(request.upgrade);
  if (refused) co_return *std::move(refused);
  Result<ExecRequest> exec = ParseExecQuery(request.query, Defaults(request, dialect));
  if (!exec) co_return StatusResponse(exec.error());
  Result<Subprotocol> subprotocol = Negotiate(request.subprotocols);
  if (!subprotocol) co_return StatusResponse(subprotocol.error());
  Result<Running> running = co_await Prepare(request, std::move(*exec));
  if (!running) co_return StatusResponse(running.error());
  Result<SessionProcess> process = co_await Start(*running);
  if (!process) co_return StatusResponse(process.error());

  // ns-enter sets the session up while the client gets its answer.
  const asio::any_io_executor strand = exchange->strand();
  Result<std::unique_ptr<ExecStream>> stream = co_await exchange->AcceptWebSocket(*subprotocol);
  if (!stream) {
    co_await Drop(std::move(*process));
    const SessionEnd end{EndCause::kClientGone, std::nullopt, std::nullopt};
    co_await WriteClosed(*running, end, Bytes());
    co_return Taken();
  }
  const Finish say_how = [&](const SessionEnd& end) -> asio::awaitable<void> {
    // kubectl shows nothing of the status but the exit code.
    if (IsExecFailure(end)) {
      const std::string why = end.failure->error.message + '\n';
      const Output shown = running->exec.spec.tty ? Output::kStdout : Output::kStderr;
      (void)co_await (*stream)->Write(shown, why);
    }
    co_await (*stream)->Finish(EncodeExecStatus(StatusOf(end)));
  };
  co_await Run(&*running, std::move(*process), stream->get(), strand, say_how);
  co_return Taken();
}

asio::awaitable<Response> ExecHandler::Once(Request* request, Exchange* exchange) const {
  // The text of what is parsed now is not kept for as long as the command.
  Result<ExecRequest> exec =
      ParseExecBody(std::exchange(request->body, {}), Defaults(*request, Dialect::kOwn));
  if (!exec) co_return StatusResponse(exec.error());
  Result<Running> running = co_await Prepare(*request, std::move(*exec));
  if (!running) co_return StatusResponse(running.error());
  Result<SessionProcess> process = co_await Start(*running);
  if (!process) co_return StatusResponse(process.error());

  OneShotStream stream(std::move(running->exec.stdin_data), running->exec.max_output_bytes,
                       exchange);
  const Finish stop_watching = [&](const SessionEnd&) -> asio::awaitable<void> {
    exchange->StopWatching();
    co_return;
  };
  const SessionEnd end =
      co_await Run(&*running, std::move(*process), &stream, exchange->strand(), stop_watching);
  if (end.failure && !IsExecFailure(end)) {
    co_return StatusResponse(OfNode(end.failure->error));
  }
  if (IsUnknownEnd(end.cause)) {
    const ExecStatus status = StatusOf(end);
    co_return StatusResponse(status.http_code, status.reason, status.message);
  }
  Response response;
  response.body = EncodeExecResult(ResultOf(*running, end, &stream));
  // An agent that stops waits for the answer to be sent as well.
  response.until_sent = std::make_shared<SessionRegistry::Slot>(std::move(running->slot));
  co_return response;
}

asio::awaitable<Response> ExecHandler::RefuseSpdy(const Request& request) const {
  Result<ExecRequest> exec = ParseExecQuery(request.query, Defaults(request, Dialect::kStock));
  if (!exec) co_return StatusResponse(exec.error());
  Running running;
  running.exec = std::move(*exec);
  Result<void> admitted = co_await AdmitOrRecord(request, &running);
  if (!admitted) co_return StatusResponse(admitted.error());
  co_return StatusResponse(
      400, "BadRequest",
      "SPDY is not spoken here: use a client that streams over WebSocket, such "
      "as kubectl 1.30 or later");
}

asio::awaitable<Result<ExecHandler::Running>> ExecHandler::Prepare(const Request& request,
                                                                   ExecRequest exec) const {
  Running running;
  running.exec = std::move(exec);
  Result<void> admitted = co_await AdmitOrRecord(request, &running);
  if (!admitted) co_return Propagate(std::move(admitted.error()));
  AuditEvent opened = SessionOpened{running.subject};
  Result<void> written = co_await parts_.audit->Write(std::move(opened));
  if (!written) {
    // Whatever keeps it from being written, the caller has not asked for too much.
    written.error().code = Code::kUnavailable;
    co_return Propagate(std::move(written.error()));
  }
  Log(LogLevel::kInfo, "session opened",
      {{"session", running.subject.session_id},
       {"user", running.subject.user},
       {"namespace", running.subject.pod_namespace},
       {"pod", running.subject.pod},
       {"container", running.subject.container},
       {"pid", running.subject.pid},
       {"profile", running.subject.profile}});
  co_return running;
}

asio::awaitable<Result<void>> ExecHandler::AdmitOrRecord(const Request& request,
                                                         Running* running) const {
  running->subject = SubjectOf(request, running->exec);
  Result<void> admitted = co_await Admit(request, running);
  if (admitted) co_return admitted;
  const Error& error = admitted.error();
  AuditEvent denied = SessionDenied{running->subject, error.code, error.message};
  (void)co_await parts_.audit->Write(std::move(denied));
  parts_.metrics->CountDenial(CodeName(error.code));
  co_return admitted;
}

asio::awaitable<Result<void>> ExecHandler::Admit(const Request& request, Running* running) const {
  Result<void> checked = co_await CheckProfile(request, running->exec);
  if (!checked) co_return checked;
  Result<SessionRegistry::Slot> slot = parts_.sessions->Open(request.identity.user);
  if (!slot) co_return Propagate(std::move(slot.error()));
  running->slot = std::move(*slot);
  running->subject.session_id = running->slot.id();

  Result<FoundTarget> found = co_await FindTarget(request, running->exec);
  if (!found) co_return Propagate(std::move(found.error()));
  running->target = found->target;
  running->subject.container = running->target->container_name;
  running->subject.container_id = running->target->container_id;
  running->subject.pid = running->target->pid;
  co_return co_await CheckNodeAccess(request, EntersNode(running->exec, *found));
}

asio::awaitable<Result<FoundTarget>> ExecHandler::FindTarget(const Request& request,
                                                             const ExecRequest& exec) const {
  if (request.parameters.contains("node")) {
    co_return parts_.targets->FindNode(request.Parameter("node"));
  }
  const cri::PodQuery query{request.Parameter("namespace"), request.Parameter("pod"),
                            exec.container, exec.sandbox};
  const Clock::time_point asked = Clock::now();
  std::optional<Result<FoundTarget>> found = parts_.targets->FindPodHere(query);
  if (!found) {
    Result<FoundTarget> resolved =
        co_await parts_.pool->Run([&] { return parts_.targets->FindPod(query); });
    found.emplace(std::move(resolved));
  }
  parts_.metrics->ObserveResolve(Clock::now() - asked);
  if (*found) co_return std::move(*found);
  Error& error = found->error();
  if (IsUnanswered(error.code)) parts_.metrics->CountRuntimeError(CodeName(error.code));
  co_return Propagate(OfNode(std::move(error)));
}

asio::awaitable<Result<SessionProcess>> ExecHandler::Start(const Running& running) const {
  const ExecRequest& exec = running.exec;
  const SessionStreams streams{exec.want_stdin, exec.want_stdout, exec.want_stderr};
  std::optional<SessionProcess> spare = parts_.spare->Take();
  if (spare && spare->Start(exec.spec, *running.target, streams)) co_return std::move(*spare);
  Result<SessionProcess> process = co_await parts_.pool->Run([&]() -> Result<SessionProcess> {
    spare.reset();
    Result<SessionProcess> spawned = SessionProcess::Spawn(parts_.config->session.ns_enter);
    if (!spawned) return spawned;
    Result<void> started = spawned->Start(exec.spec, *running.target, streams);
    if (!started) return Propagate(std::move(started.error()));
    return spawned;
  });
  if (!process) {
    const SessionEnd end{EndCause::kSetupFailed, std::nullopt, std::nullopt};
    co_await WriteClosed(running, end, Bytes());
  }
  co_return process;
}

asio::awaitable<SessionEnd> ExecHandler::Run(Running* running, SessionProcess process,
                                             ClientStream* client, asio::any_io_executor strand,
                                             const Finish& finish) const {
  Session::Options options{std::move(strand), running->exec.spec.tty,
                           parts_.config->session.idle_timeout, Duplicate(running->target->pidfd)};
  const std::shared_ptr<Session> session =
      Session::Make(std::move(process), client, std::move(options));
  SessionInfo info{running->subject, running->exec.spec.tty, std::chrono::system_clock::now()};
  info.subject.command = MaskCommand(info.subject.command);
  running->slot.Publish(std::move(info), session);
  parts_.metrics->SessionOpened();
  const SessionEnd end = co_await session->Run();
  co_await finish(end);
  // While ns-enter ends.
  const Bytes bytes{session->bytes_in(), session->bytes_out()};
  co_await WriteClosed(*running, end, bytes);
  co_await session->Join();
  if (session->setup_time()) parts_.metrics->ObserveSetup(*session->setup_time());
  parts_.metrics->SessionClosed(end.cause, bytes.in, bytes.out);
  co_return end;
}

asio::awaitable<void> ExecHandler::Drop(SessionProcess process) const {
  (void)co_await parts_.pool->Run([&process]() -> Result<void> {
    process = SessionProcess();
    return {};
  });
}

asio::awaitable<void> ExecHandler::WriteClosed(const Running& running, const SessionEnd& end,
                                               Bytes bytes) const {
  SessionClosed event;
  event.subject = running.subject;
  event.bytes_in = bytes.in;
  event.bytes_out = bytes.out;
  event.duration = Milliseconds(Clock::now() - running.started);
  if (end.status && WIFEXITED(*end.status)) event.exit_code = WEXITSTATUS(*end.status);
  if (end.status && WIFSIGNALED(*end.status)) event.signal = WTERMSIG(*end.status);
  if (end.cause != EndCause::kExit) event.cause = CauseName(end.cause);
  if (end.failure) event.cause += ": " + end.failure->error.message;
  Log(LogLevel::kInfo, "session closed",
      {{"session", running.subject.session_id},
       {"cause", CauseName(end.cause)},
       {"ms", event.duration.count()}});
  // The session is over whether this can be written or not; the log itself says that it could not.
  AuditEvent written = std::move(event);
  (void)co_await parts_.audit->Write(std::move(written));
}

AuditSubject ExecHandler::SubjectOf(const Request& request, const ExecRequest& exec) const {
  AuditSubject subject;
  subject.user = request.identity.user;
  subject.groups = request.identity.groups;
  subject.source = request.remote;
  subject.pod_namespace = request.Parameter("namespace");
  subject.pod = request.Parameter("pod");
  subject.container = exec.container;
  subject.node = parts_.config->node_name;
  subject.profile = exec.spec.profile->name;
  subject.view = ViewName(exec.spec.view);
  subject.command = exec.spec.command;
  return subject;
}

ExecResult ExecHandler::ResultOf(const Running& running, const SessionEnd& end,
                                 OneShotStream* stream) const {
  ExecResult result;
  result.status = end.status.value_or(SIGKILL);
  result.cause = CauseName(end.cause);
  result.stdout_truncated = stream->stdout_collected().truncated;
  result.stdout_data = std::move(stream->stdout_collected().data);
  result.stderr_truncated = stream->stderr_collected().truncated;
  result.stderr_data = std::move(stream->stderr_collected().data);
  if (end.failure) {
    // As a shell has it: the command could not be run, and its exit code and words say why.
    result.status = end.failure->exit_code << 8;
    result.stderr_data += end.failure->error.message + '\n';
  }
  result.duration = Milliseconds(Clock::now() - running.started);
  result.target = {running.subject.pod_namespace, running.subject.pod, running.subject.container,
                   running.subject.container_id,  running.subject.pid, running.subject.node};
  return result;
}

}  // namespace nsdebug
