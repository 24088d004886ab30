#include "kubectl/stage.h"

#include <cstdio>
#include <utility>

namespace nsdebug::kubectl {

tl::unexpected<Stopped> Stop(Error error, int exit_code) {
  return tl::unexpected(Stopped{std::move(error), exit_code, {}});
}

tl::unexpected<Stopped> StopAt(Peer peer, Error error) {
  const Outcome outcome = OutcomeOfError(peer, error);
  return tl::unexpected(Stopped{std::move(error), outcome.exit_code, outcome.advice});
}

int Tell(const Stopped& stopped) {
  std::string text = "error: " + stopped.error.message + '\n';
  if (!stopped.advice.empty()) text.append("hint: ").append(stopped.advice).append("\n");
  // In one piece: others may write to the terminal, too.
  std::fputs(text.c_str(), stderr);
  return stopped.exit_code;
}

}  // namespace nsdebug::kubectl
