#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/exec/exec_request.h"
#include "base/error.h"

namespace nsdebug {

/// What a client wrote, of the right types; not yet checked against bounds and one another.
struct ExecFields {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::vector<std::string> namespaces;  ///< each a name or a comma-separated list
  std::optional<std::string> container;
  std::optional<std::string> profile;
  std::optional<std::string> view;
  std::optional<std::string> working_directory;
  std::optional<uint64_t> uid;
  std::optional<uint64_t> gid;
  std::optional<uint64_t> timeout_seconds;
  std::optional<uint64_t> rows;
  std::optional<uint64_t> columns;
  std::optional<uint64_t> max_output_bytes;
  std::optional<std::string> stdin_data;
  bool sandbox = false;
  bool tty = false;
  bool want_stdin = false;
  bool want_stdout = false;
  bool want_stderr = false;
};

/// Checks the fields and makes the request of them and the defaults.
Result<ExecRequest> MakeExecRequest(ExecFields fields, const ExecDefaults& defaults);

/// "uid: expected a number, got 'x'"; without `got` when the value may be a secret.
Failure Unexpected(std::string_view field, std::string_view expected, std::string_view got = {});

/// What goes into a plan and to execve(2): UTF-8, as JSON carries it, and no NUL.
Result<void> CheckText(std::string_view field, std::string_view text);

}  // namespace nsdebug
