#include "kubectl/copy/copy_verb.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/text.h"
#include "copy/protocol.h"
#include "copy/unpack.h"
#include "kubectl/copy/copy_progress.h"
#include "kubectl/copy/copy_streams.h"
#include "kubectl/exec/remote_session.h"
#include "kubectl/exit_code.h"
#include "remotecommand/channel.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug::kubectl {

namespace {

constexpr int kNotFound = 127;

int Say(const Error& error, int exit_code) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return exit_code;
}

/// The local side, opened before anybody is asked for anything.
struct LocalSide {
  UniqueFd fd;       ///< what is packed, or the folder to unpack into
  std::string name;  ///< what it is called there
};

Result<LocalSide> OpenLocal(const CopyOperands& operands) {
  const std::string& path = operands.local_path;
  if (!operands.is_download) {
    Result<UniqueFd> fd = Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) return Propagate(std::move(fd.error()));
    const std::string name = LastPart(path);
    return LocalSide{std::move(*fd), name == "." ? "root" : name};
  }
  // As cp does it: into a folder that is there, else under the new name.
  Result<UniqueFd> folder = Open(path, O_RDONLY | O_DIRECTORY);
  const std::string remote = LastPart(operands.remote_path);
  if (folder) return LocalSide{std::move(*folder), remote == "." ? "root" : remote};
  folder = Open(FolderOf(path), O_RDONLY | O_DIRECTORY);
  if (!folder) return Propagate(std::move(folder.error()));
  return LocalSide{std::move(*folder), LastPart(path)};
}

std::vector<std::string> CommandOf(const CopyOperands& operands) {
  const std::string program(kCopyProgram);
  if (operands.is_download) return {program, "read", operands.remote_path};
  return {program, "write", FolderOf(operands.remote_path), LastPart(operands.remote_path), "-d"};
}

CopyStreams::Work WorkOf(bool is_download, const LocalSide* side, CopyProgress progress) {
  return [is_download, side, progress = std::move(progress)](int fd) {
    return is_download ? Unpack(fd, side->fd.get(), side->name, progress)
                       : Pack(side->fd.get(), side->name, fd, progress);
  };
}

asio::awaitable<Result<ExecStatus>> Carry(std::unique_ptr<HttpClient> agent,
                                          ExecParameters parameters, LocalDescriptors local) {
  std::string chosen;
  std::string path = ExecPath(parameters);
  // v4 cannot say that the input has ended.
  std::vector<std::string> offered = {std::string(kV5)};
  Result<std::unique_ptr<WebSocketStream>> socket =
      co_await OpenWebSocket(std::move(agent), std::move(path), std::move(offered), &chosen);
  if (!socket) co_return Propagate(std::move(socket.error()));
  const std::vector<std::string> agreed = {chosen};
  Result<Subprotocol> subprotocol = Negotiate(agreed);
  if (!subprotocol) co_return Propagate(std::move(subprotocol.error()));
  RemoteSession::Options options;
  options.has_stdin = parameters.has_stdin;
  options.local = local;
  RemoteSession session(std::move(*socket), *subprotocol, options);
  co_return co_await session.Run();
}

/// What both ends say, put together: nothing is well that one of them does not say is.
int Conclude(const Result<ExecStatus>& status, const Result<CopyReport>& report,
             const RemoteWords& words) {
  for (const std::string& line : words.said) std::fprintf(stderr, "%s\n", line.c_str());
  if (report) {
    for (const std::string& fault : report->faults) std::fprintf(stderr, "%s\n", fault.c_str());
  }
  if (!status) return Say(status.error(), ExitCodeOf(Peer::kAgent, status.error()));
  if (status->kind == ExecStatus::Kind::kError) {
    return Say({Code::kUnavailable, status->message, 0}, OutcomeOf(*status).exit_code);
  }
  if (status->exit_code == kNotFound && words.sha256.empty()) {
    return Say({Code::kUnimplemented,
                fmt::format("{} is not among the agent's tools: its image is older than this "
                            "program, or session.toolbox is a folder without it",
                            kCopyProgram),
                0},
               kExitSetupFailed);
  }
  // Why, it has said itself.
  if (words.sha256.empty() && status->exit_code != 0) return 1;
  if (!report) return Say(report.error(), kExitConnectionLost);
  if (words.sha256 != report->sha256) {
    return Say(
        {Code::kUnavailable, "the copy is not what was sent, by its checksum: copy it again", 0},
        kExitConnectionLost);
  }
  return status->exit_code != 0 || !report->faults.empty() ? 1 : 0;
}

}  // namespace

asio::awaitable<int> RunCopy(const Connector* connector, CopyOperands operands, bool quiet) {
  Result<LocalSide> side = OpenLocal(operands);
  if (!side) co_return Say(side.error(), kExitUsage);
  OrExit<ReachedTarget> reached = co_await connector->to_target(operands.target);
  if (!reached) co_return reached.error();
  ExecParameters parameters = std::move(reached->parameters);
  if (!parameters.view.empty() && parameters.view != "toolbox") {
    co_return Say({Code::kInvalidArgument, "cp: works in the toolbox view only", 0}, kExitUsage);
  }
  parameters.command = CommandOf(operands);
  parameters.has_tty = false;
  parameters.has_stdin = !operands.is_download;

  ProgressLine line(side->name, quiet);
  CopyProgress progress = [&line](uint64_t bytes) { line.Show(bytes); };
  Result<std::unique_ptr<CopyStreams>> streams = CopyStreams::Start(
      operands.is_download, WorkOf(operands.is_download, &*side, std::move(progress)));
  if (!streams) co_return Say(streams.error(), kExitSetupFailed);
  const LocalDescriptors local = (*streams)->descriptors();
  Result<ExecStatus> status =
      co_await Carry(std::move(reached->agent), std::move(parameters), local);
  Result<CopyReport> report = (*streams)->Finish();
  const RemoteWords words = ReadRemoteWords((*streams)->Words());
  line.Clear();
  co_return Conclude(status, report, words);
}

}  // namespace nsdebug::kubectl
