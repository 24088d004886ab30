#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kubectl/agent_pod.h"
#include "kubectl/kubeconfig/selection.h"
#include "kubectl/verbs/verb_options.h"

namespace nsdebug::kubectl {

/// The command line of `kubectl ns-debug [TARGET] [flags] [-- COMMAND [args...]]`, as it was given.
struct PluginOptions {
  std::string target;
  std::vector<std::string> command;
  bool has_command = false;  ///< there was a "--"

  // As kubectl's.
  Overrides overrides;  ///< of the kubeconfig
  std::string kubeconfig;
  std::string container;
  bool has_stdin = false;
  bool has_tty = false;
  bool quiet = false;
  std::chrono::milliseconds request_timeout{std::chrono::seconds(30)};
  int verbosity = 0;  ///< of RequestLog

  // Our own.
  std::string profile;
  std::string view;
  std::string enter;
  bool sandbox = false;
  std::optional<uint64_t> timeout_seconds;
  std::vector<std::string> environment;
  std::string working_directory;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::string agent;     ///< https://HOST[:PORT]: straight to it
  std::string agent_ca;  ///< file with the CA of that agent
  std::string agent_namespace{kAgentNamespace};
  VerbOptions verb;
};

struct PluginCommandLine {
  bool run = false;  ///< false: print `text` to stdout or stderr, and exit with `exit_code`
  int exit_code = 0;
  std::string text;
  PluginOptions options;
};

/// `arguments` are without the program's name.
PluginCommandLine ReadPluginCommandLine(const std::vector<std::string>& arguments);

}  // namespace nsdebug::kubectl
