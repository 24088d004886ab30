#include "kubectl/exec_verb.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "kubectl/exec/remote_session.h"
#include "kubectl/exit_code.h"
#include "kubectl/stage.h"
#include "remotecommand/channel.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug::kubectl {

namespace {

int TellAgentError(Error error) { return Tell(StopAt(Peer::kAgent, std::move(error)).value()); }

}  // namespace

asio::awaitable<int> RunExec(std::unique_ptr<HttpClient> agent, ExecParameters parameters) {
  std::string chosen;
  std::vector<std::string> offered = {std::string(kV5), std::string(kV4)};
  Result<std::unique_ptr<WebSocketStream>> socket =
      co_await OpenWebSocket(std::move(agent), ExecPath(parameters), std::move(offered), &chosen);
  if (!socket) co_return TellAgentError(std::move(socket.error()));
  const std::vector<std::string> agreed = {chosen};
  Result<Subprotocol> subprotocol = Negotiate(agreed);
  if (!subprotocol) co_return TellAgentError(std::move(subprotocol.error()));
  // Not before the agent has agreed: until then errors are lines for a terminal as it is.
  std::optional<RawMode> raw;
  if (parameters.has_tty && ::isatty(STDIN_FILENO) != 0) {
    Result<RawMode> entered = RawMode::Enter(STDIN_FILENO);
    if (entered) raw.emplace(std::move(*entered));
  }
  RemoteSession session(std::move(*socket), *subprotocol, {parameters.has_stdin, raw.has_value()});
  Result<ExecStatus> status = co_await session.Run();
  raw.reset();
  if (!status) co_return TellAgentError(std::move(status.error()));
  const Outcome outcome = OutcomeOf(*status);
  if (status->kind != ExecStatus::Kind::kError) co_return outcome.exit_code;
  co_return Tell(
      {Error{Code::kInternal, std::move(status->message), 0}, outcome.exit_code, outcome.advice});
}

}  // namespace nsdebug::kubectl
