#include "kubectl/verbs/agent_answer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/io.h"
#include "kubectl/exit_code.h"

namespace nsdebug::kubectl {

std::string PodPath(const ExecParameters& parameters) {
  // The same object as an exec's, without its verb and what is asked of it.
  const std::string path = ExecPath(parameters);
  return path.substr(0, path.rfind("/exec?"));
}

std::string AccessPath(const ExecParameters& parameters) {
  ExecParameters asked = parameters;
  asked.command.clear();
  const std::string path = ExecPath(asked);
  const size_t verb = path.rfind("/exec?");
  return path.substr(0, verb) + "/access" + path.substr(path.find('?', verb));
}

int SayAgentError(const Error& error) {
  const int exit_code = ExitCodeOf(Peer::kAgent, error);
  std::string text = "error: " + error.message + '\n';
  std::string_view advice = AdviceFor(exit_code);
  // Nothing was run that could still be running, or that a limit could have ended.
  if (exit_code == kExitConnectionLost) advice = {};
  if (exit_code == kExitTimeOver) advice = "ask again, with a longer --request-timeout";
  if (!advice.empty()) text.append("hint: ").append(advice).append("\n");
  std::fputs(text.c_str(), stderr);
  return exit_code;
}

int Print(std::string_view text) {
  return WriteAll(STDOUT_FILENO, text, "stdout") ? 0 : kExitConnectionLost;
}

}  // namespace nsdebug::kubectl
