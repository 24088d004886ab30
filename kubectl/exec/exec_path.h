#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remotecommand/resize.h"

namespace nsdebug::kubectl {

/// What the agent is asked to run, and where: the parameters of its exec.
struct ExecParameters {
  std::string pod_namespace;
  std::string pod;   ///< empty: the node itself
  std::string node;  ///< of a node target
  std::string container;
  std::vector<std::string> command;  ///< empty: a shell
  bool has_stdin = false;
  bool has_tty = false;
  std::optional<TerminalSize> size;  ///< of the terminal at the start
  bool sandbox = false;
  std::string profile;
  std::string view;
  std::string namespaces;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::string working_directory;
  std::vector<std::string> environment;  ///< NAME=VALUE
  std::optional<uint64_t> timeout_seconds;
};

/// The request target of a streamed exec: path and query, percent-encoded.
std::string ExecPath(const ExecParameters& parameters);

}  // namespace nsdebug::kubectl
