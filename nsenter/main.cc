// ns-enter: runs a command in the namespaces of a process, container or pod.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/io.h"
#include "nsenter/enter.h"
#include "nsenter/explain.h"
#include "nsenter/find_target.h"
#include "nsenter/help.h"
#include "nsenter/options.h"
#include "nsenter/plan.h"
#include "nsenter/process_title.h"
#include "nsenter/program.h"
#include "nsenter/protected_executable.h"
#include "nsenter/report.h"
#include "nsenter/session/explain_session.h"
#include "nsenter/session/report.h"
#include "nsenter/session/session.h"
#include "nsenter/session/session_plan.h"
#include "nsenter/session/terminal.h"

namespace nsdebug {
namespace {

/// A closed standard descriptor would be the number of the next file we open, and an error message
/// would be written into that. The stand-ins close on exec: the command finds what we found.
void OccupyStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one: those before it are taken.
    (void)::open("/dev/null", O_RDWR | O_CLOEXEC);
  }
}

int Print(const std::string& text) {
  if (Result<void> written = WriteAll(STDOUT_FILENO, text, "stdout"); !written) {
    return ReportSetupFailure(written.error());
  }
  return 0;
}

/// Over descriptors that are open dup2(2) does not fail.
void TakeStandardStreams(std::array<UniqueFd, 3> streams) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    const UniqueFd& stream = streams[static_cast<size_t>(fd)];
    if (stream.valid()) (void)::dup2(stream.get(), fd);
  }
}

/// For the agent: the plan comes over the socket, whenever there is one, and the session is its as
/// long as it is open.
int RunPlan(int socket) {
  // Now, so that the session does not wait for it.
  const NodeFacts facts = FindNodeFacts();
  Result<SessionPlan> plan = ReceiveSessionPlan(socket, /*timeout_ms=*/-1);
  // It was not needed.
  if (!plan && plan.error().code == Code::kUnavailable) return 0;
  if (!plan) {
    (void)SendMessage(
        socket, EncodeEvent(SessionEvent::Failed({Step::kPlan, plan.error(), kExitSetupFailed})));
    return ReportSetupFailure(plan.error());
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  TakeStandardStreams(std::move(plan->standard_streams));
  return RunSession(plan->spec, &plan->target, {.starter_fd = socket, .plan_socket = socket},
                    facts);
}

int Main(int argc, char* argv[]) {
  RememberCommandLine(argc, argv);
  OccupyStandardDescriptors();
  Result<Options> options = ParseOptions(argc, argv);
  if (!options) return ReportSetupFailure(options.error());
  if (options->action == Options::Action::kHelp) return Print(HelpText());
  if (options->action == Options::Action::kVersion) return Print(VersionText());

  const bool shows_target = options->session && options->session->view != View::kHost &&
                            options->action == Options::Action::kRun;
  if (options->plan_fd >= 0 || shows_target) {
    if (Result<void> done = ProtectExecutable(argv); !done) return ReportSetupFailure(done.error());
  }
  if (options->plan_fd >= 0) return RunPlan(options->plan_fd);

  Result<Target> target = FindTarget(*options);
  if (!target) return ReportSetupFailure(target.error());
  if (options->session && options->action == Options::Action::kExplain) {
    Result<std::string> text = ExplainSession(*options->session, *target, options->json);
    return text ? Print(*text) : ReportSetupFailure(text.error());
  }
  if (options->session) {
    if (!target->note.empty() && !options->quiet) ReportError(target->note);
    const TerminalSize size = OwnTerminalSize();
    options->session->rows = size.rows;
    options->session->columns = size.columns;
    return RunSession(*options->session, &*target,
                      {.starter_fd = options->starter_fd, .plan_socket = -1}, FindNodeFacts());
  }
  Result<Plan> plan = MakePlan(*options, &*target);
  if (!plan) return ReportSetupFailure(plan.error());
  if (options->action == Options::Action::kExplain) {
    Result<std::string> text = Explain(*plan, *target, options->json);
    return text ? Print(*text) : ReportSetupFailure(text.error());
  }
  if (!target->note.empty() && !options->quiet) ReportError(target->note);
  return Enter(*plan);
}

}  // namespace
}  // namespace nsdebug

int main(int argc, char* argv[]) { return nsdebug::Main(argc, argv); }
