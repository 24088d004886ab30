#include "kubectl/exit_code.h"

namespace nsdebug::kubectl {

namespace {

constexpr std::string_view kDeniedByApiServer =
    "the API server refused: log in again, or ask for the rights that `kubectl ns-debug auth can-i "
    "TARGET` prints";
constexpr std::string_view kApiServerBusy =
    "the API server cannot answer now: try again in a moment";
constexpr std::string_view kApiServerNotReached =
    "nothing was started: see that `kubectl version` reaches the API server; HTTPS_PROXY and "
    "NO_PROXY count here, too";
constexpr std::string_view kNoSuchObject =
    "look for it with `kubectl get`, and name its namespace with -n";
constexpr std::string_view kTooManySessions =
    "end a session first (`kubectl ns-debug sessions`), or try again in a moment";

Outcome Of(int exit_code) { return {exit_code, AdviceFor(exit_code)}; }

Outcome OfAgent(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
      return Of(kExitDenied);
    case 404:
    case 409:  // it changed under us: the container ended, or is in no state to be entered
    case 410:
      return Of(kExitTargetGone);
    case 429:
      return {kExitSetupFailed, kTooManySessions};
    case 502:
    case 503:
      return Of(kExitAgentMissing);
    case 504:
      return Of(kExitTimeOver);
    default:
      return Of(kExitSetupFailed);
  }
}

Outcome OfApiServer(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
      return {kExitDenied, kDeniedByApiServer};
    case 404:
    case 410:
      return Of(kExitTargetGone);
    default:
      return {kExitConnectionLost, kApiServerBusy};
  }
}

}  // namespace

std::string_view AdviceFor(int exit_code) {
  switch (exit_code) {
    case kExitUsage:
      return "see `kubectl ns-debug --help`";
    case kExitConnectionLost:
      return "the command may still have run: look before you run it again";
    case kExitDenied:
      return "ask for the rights that `kubectl ns-debug auth can-i TARGET` prints";
    case kExitTargetGone:
      return "look at it with `kubectl get pods`; a pod whose container does not run is entered "
             "with "
             "--sandbox";
    case kExitAgentMissing:
      return "`kubectl ns-debug ls` shows the agents of all nodes and what is wrong with them";
    case kExitSetupFailed:
      return "`kubectl ns-debug explain TARGET` shows what would be entered, and with which rights";
    case kExitClientConfig:
      return "`kubectl config view --minify` shows what is used; see also --context and "
             "--kubeconfig";
    case kExitTimeOver:
      return "start it again, with a longer --timeout";
    default:
      return {};
  }
}

Outcome OutcomeOf(const ExecStatus& status) {
  // The words that kubelets and our agent have when it is not known how a command ended. An agent
  // that could not start one answers 500 as well, but with words of its own.
  constexpr std::string_view kLost = "Internal error occurred";
  switch (status.kind) {
    case ExecStatus::Kind::kSuccess:
      return {};
    case ExecStatus::Kind::kExitCode:
      return {status.exit_code, {}};
    case ExecStatus::Kind::kError:
      break;
  }
  if (status.http_code == 0 || status.message.starts_with(kLost)) return Of(kExitConnectionLost);
  return OfAgent(status.http_code);
}

Outcome OutcomeOfHttp(Peer peer, int http_status) {
  return peer == Peer::kAgent ? OfAgent(http_status) : OfApiServer(http_status);
}

int ExitCodeOf(Peer peer, const Error& error) {
  switch (error.code) {
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
      return kExitDenied;
    case Code::kNotFound:
    case Code::kFailedPrecondition:
      return kExitTargetGone;
    case Code::kAborted:
      return kExitInterrupted;
    case Code::kUnavailable:
    case Code::kInternal:
      return kExitConnectionLost;
    case Code::kDeadlineExceeded:
      return peer == Peer::kAgent ? kExitTimeOver : kExitConnectionLost;
    case Code::kInvalidArgument:
    case Code::kUnimplemented:
    case Code::kResourceExhausted:
      break;
  }
  return kExitSetupFailed;
}

Outcome OutcomeOfError(Peer peer, const Error& error) {
  const int exit_code = ExitCodeOf(peer, error);
  Outcome outcome = Of(exit_code);
  if (peer == Peer::kAgent) {
    if (error.code == Code::kResourceExhausted) outcome.advice = kTooManySessions;
  } else if (exit_code == kExitDenied) {
    outcome.advice = kDeniedByApiServer;
  } else if (exit_code == kExitConnectionLost) {
    outcome.advice = kApiServerNotReached;
  } else if (exit_code == kExitTargetGone) {
    outcome.advice = kNoSuchObject;
  } else if (exit_code == kExitSetupFailed) {
    outcome.advice = kApiServerBusy;
  }
  return outcome;
}

}  // namespace nsdebug::kubectl
