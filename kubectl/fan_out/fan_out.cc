#include "kubectl/fan_out/fan_out.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/io.h"
#include "kubectl/exit_code.h"
#include "kubectl/fan_out/captured_session.h"
#include "kubectl/fan_out/line_printer.h"
#include "kubectl/fan_out/run_bounded.h"
#include "kubectl/fan_out/target_result.h"

namespace nsdebug::kubectl {

namespace {

using Clock = std::chrono::steady_clock;

/// One run of a command on many targets.
class FanOut {
 public:
  FanOut(const Connector* connector, std::vector<PodOnNode> targets, ExecParameters parameters,
         FanOutOptions options)
      : connector_(connector),
        targets_(std::move(targets)),
        parameters_(std::move(parameters)),
        options_(options),
        coloured_(UsesColour(STDOUT_FILENO)),
        shows_progress_(!options.quiet && ::isatty(STDERR_FILENO) != 0),
        results_(targets_.size()) {}

  asio::awaitable<int> Run() {
    for (size_t i = 0; i < targets_.size(); ++i) {
      results_[i].name_space = targets_[i].name_space;
      results_[i].pod = targets_[i].name;
      results_[i].node = targets_[i].node;
    }
    co_await RunBounded(targets_.size(), options_.max_parallel,
                        [this](size_t index) { return RunOne(index); });
    ClearProgress();
    if (!options_.quiet) std::fprintf(stderr, "%s\n", Summary(results_).c_str());
    if (output_closed_) co_return kExitConnectionLost;
    for (const TargetResult& result : results_) {
      if (!result.succeeded()) co_return kExitSomeFailed;
    }
    co_return 0;
  }

 private:
  asio::awaitable<void> RunOne(size_t index) {
    TargetResult& result = results_[index];
    if (output_closed_) {
      result.error = "not run: nobody reads the output";
      co_return;
    }
    const Clock::time_point started = Clock::now();
    LinePrinter printer(PrefixOf(result.Label(), index, coloured_),
                        [this](int fd, std::string_view lines) { Write(fd, lines); });
    TakeOutput take = [this, &result, &printer](int fd, std::string_view data) {
      if (!options_.as_json) {
        printer.Take(fd, data);
      } else {
        (fd == STDOUT_FILENO ? result.stdout_data : result.stderr_data).Append(data);
      }
      return !output_closed_;
    };
    Ended ended = co_await Exec(targets_[index], std::move(take));
    result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started);
    TakeStatus(ended, &result);
    printer.Finish();
    Report(&result, index);
  }

  using Ended = tl::expected<ExecStatus, NotRun>;

  asio::awaitable<Ended> Exec(const PodOnNode& target, TakeOutput take) {
    ExecParameters parameters = parameters_;
    parameters.pod_namespace = target.name_space;
    parameters.pod = target.name;
    parameters.node = target.node;
    Connector::AgentOf agent = co_await connector_->to_agent_of(parameters);
    if (!agent) co_return tl::unexpected(std::move(agent.error()));
    Result<ExecStatus> status =
        co_await RunCaptured(std::move(*agent), std::move(parameters), std::move(take));
    if (status) co_return std::move(*status);
    const int exit_code = ExitCodeOf(Peer::kAgent, status.error());
    co_return tl::unexpected(NotRun{std::move(status.error()), exit_code});
  }

  static void TakeStatus(const Ended& ended, TargetResult* result) {
    if (!ended) {
      result->exit_code = ended.error().exit_code;
      result->error = ended.error().error.message;
      return;
    }
    result->exit_code = OutcomeOf(*ended).exit_code;
    if (ended->kind == ExecStatus::Kind::kError) result->error = ended->message;
  }

  void Report(TargetResult* result, size_t index) {
    ++ended_;
    if (options_.as_json) {
      Write(STDOUT_FILENO, ResultJson(*result));
      // It is out: what is left is the summary.
      result->stdout_data = {};
      result->stderr_data = {};
    } else if (!result->error.empty()) {
      const std::string prefix =
          PrefixOf(result->Label(), index, coloured_ && UsesColour(STDERR_FILENO));
      Write(STDERR_FILENO, prefix + "error: " + result->error + "\n");
    }
    ShowProgress();
  }

  /// Whoever reads our output slowly slows all of them: their agents hold the commands back.
  void Write(int fd, std::string_view text) {
    ClearProgress();
    const bool written = WriteAll(fd, text, "output").has_value();
    if (!written && fd == STDOUT_FILENO) output_closed_ = true;
  }

  void ShowProgress() {
    if (!shows_progress_ || ended_ == targets_.size()) return;
    std::fprintf(stderr, "\r%zu of %zu targets", ended_, targets_.size());
    progress_shown_ = true;
  }

  void ClearProgress() {
    if (std::exchange(progress_shown_, false)) std::fputs("\r\x1b[K", stderr);
  }

  const Connector* connector_;
  const std::vector<PodOnNode> targets_;
  const ExecParameters parameters_;
  const FanOutOptions options_;
  const bool coloured_;
  const bool shows_progress_;
  std::vector<TargetResult> results_;
  size_t ended_ = 0;
  bool progress_shown_ = false;
  bool output_closed_ = false;
};

}  // namespace

asio::awaitable<int> RunFanOut(const Connector* connector, std::vector<PodOnNode> targets,
                               ExecParameters parameters, FanOutOptions options) {
  FanOut fan_out(connector, std::move(targets), std::move(parameters), options);
  co_return co_await fan_out.Run();
}

}  // namespace nsdebug::kubectl
