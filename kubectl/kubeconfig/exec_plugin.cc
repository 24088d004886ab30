#include "kubectl/kubeconfig/exec_plugin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/pipe.h"
#include "base/process.h"
#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

constexpr const char* kExecInfo = "KUBERNETES_EXEC_INFO";

/// The plugin's process; killed and reaped at the end unless Wait has done so.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {
    // Kernels before 5.3 have none: then only the end of the output says that it has ended.
    if (Result<UniqueFd> pidfd = OpenPidfd(pid); pidfd) pidfd_ = std::move(*pidfd);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)Wait();
  }

  int pidfd() const { return pidfd_.get(); }

  Result<int> Wait() {
    const pid_t pid = std::exchange(pid_, 0);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
      if (errno != EINTR) return FailErrno("wait for it");
    }
    return status;
  }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};

/// All that the child needs, made before the fork: behind it only system calls are safe.
struct Launch {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> variables;
  UniqueFd input;  ///< invalid: our own standard input
};

Result<bool> IsInteractive(const ExecConfig& exec, bool stdin_is_terminal) {
  const std::string_view mode = InteractiveModeOf(exec);
  if (mode == "Always" && !stdin_is_terminal) {
    return Fail(Code::kFailedPrecondition,
                "it needs a terminal (interactiveMode: Always), and standard input is none: run "
                "this in a terminal, or log in first with the plugin's own command");
  }
  return mode != "Never" && stdin_is_terminal;
}

bool IsProgram(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

/// As Go's LookPath: a name without a separator is looked for in PATH, but not in its relative
/// directories, where whoever owns the current directory could put a program in our way.
Result<std::string> FindProgram(const ExecConfig& exec, const Environment& environment) {
  if (exec.command.find('/') != std::string::npos) {
    if (IsProgram(exec.command)) return exec.command;
  } else {
    for (std::string_view directory : Split(environment.Get("PATH"), ':')) {
      if (!directory.starts_with('/')) continue;
      std::string path = fmt::format("{}/{}", directory, exec.command);
      if (IsProgram(path)) return path;
    }
  }
  std::string message = "no such program";
  if (!exec.install_hint.empty()) message += "\n\n" + CleanHint(exec.install_hint);
  return Fail(Code::kNotFound, std::move(message));
}

std::vector<std::string> VariablesOf(const ExecConfig& exec, const Environment& environment,
                                     std::string info) {
  auto variables = environment.variables;
  for (const ExecVariable& variable : exec.env) variables[variable.name] = variable.value;
  variables[kExecInfo] = std::move(info);
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(fmt::format("{}={}", name, value));
  return entries;
}

std::vector<char*> PointersOf(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What the child becomes, all of it the parent's memory.
struct Image {
  const char* path;
  char* const* arguments;
  char* const* variables;
  int input;   ///< -1: our own
  int output;  ///< the answer goes there
  int report;  ///< and the errno value when there will be none
  pid_t parent;
};

/// In the child.
[[noreturn]] void Become(const Image& image) {
  // Not posix_spawn: it cannot ask for this signal, and a login page that waits for ever behind a
  // killed kubectl is what people then find in their process list.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != image.parent) ::_exit(127);
  // We may have blocked and ignored signals for our own sake.
  sigset_t none;
  ::sigemptyset(&none);
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool ready = ::dup2(image.output, STDOUT_FILENO) >= 0 &&
                     ::fcntl(STDOUT_FILENO, F_SETFD, 0) == 0 &&
                     (image.input < 0 || ::dup2(image.input, STDIN_FILENO) >= 0);
  if (ready) ::execve(image.path, image.arguments, image.variables);
  const int error_number = errno;
  (void)!::write(image.report, &error_number, sizeof error_number);
  ::_exit(127);
}

/// Starts the plugin; its output arrives at the end that is returned through `output`.
Result<pid_t> Start(Launch& launch, UniqueFd& output) {
  Result<Pipe> answer = MakePipe("pipe");
  if (!answer) return Propagate(answer.error());
  Result<Pipe> report = MakePipe("pipe");
  if (!report) return Propagate(report.error());
  const std::vector<char*> arguments = PointersOf(launch.arguments);
  const std::vector<char*> variables = PointersOf(launch.variables);
  const Image image{launch.path.c_str(), arguments.data(),        variables.data(),
                    launch.input.get(),  answer->write_end.get(), report->write_end.get(),
                    ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return FailErrno("fork");
  if (pid == 0) Become(image);
  answer->write_end.Reset();
  report->write_end.Reset();
  int error_number = 0;
  // Closed by a successful execve: then there is nothing to read.
  const Result<std::string> failure = ReadAll(report->read_end.get(), "pipe", sizeof error_number);
  if (failure && failure->size() == sizeof error_number) {
    failure->copy(reinterpret_cast<char*>(&error_number), sizeof error_number);
    Child reaped(pid);
    return FailErrno("execute " + launch.path, error_number);
  }
  output = std::move(answer->read_end);
  return pid;
}

/// One read of what is there; false at the end of the output.
Result<bool> ReadSome(int output, std::string& text) {
  std::array<char, 4096> chunk;
  const ssize_t count = ::read(output, chunk.data(), chunk.size());
  if (count < 0 && errno == EINTR) return true;
  if (count < 0) return FailErrno("read its answer");
  text.append(chunk.data(), static_cast<size_t>(count));
  if (text.size() > kMaxExecCredentialBytes) {
    return Fail(Code::kResourceExhausted,
                fmt::format("its answer has more than {} bytes", kMaxExecCredentialBytes));
  }
  return count > 0;
}

/// Reads until the plugin has ended, also when a daemon that it left behind holds its output open.
Result<std::string> ReadAnswer(int output, int pidfd) {
  std::string text;
  std::array<pollfd, 2> fds = {{{output, POLLIN, 0}, {pidfd, POLLIN, 0}}};
  for (;;) {
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return FailErrno("poll");
    }
    if (fds[0].revents != 0) {
      Result<bool> more = ReadSome(output, text);
      if (!more) return Propagate(more.error());
      if (*more) continue;
      if (pidfd < 0) return text;
      fds[0].fd = -1;  // it has closed its output and goes on
    } else if (fds[1].revents != 0) {
      return text;
    }
  }
}

Result<void> CheckEnd(int status) {
  if (WIFSIGNALED(status)) {
    return Fail(Code::kUnauthenticated, fmt::format("killed by {}", SignalName(WTERMSIG(status))));
  }
  if (WEXITSTATUS(status) != 0) {
    return Fail(Code::kUnauthenticated,
                fmt::format("failed with exit code {}", WEXITSTATUS(status)));
  }
  return {};
}

Result<Launch> Prepare(const ExecConfig& exec, const ExecCluster& cluster,
                       const ExecSurroundings& surroundings) {
  Result<bool> is_interactive = IsInteractive(exec, surroundings.stdin_is_terminal);
  if (!is_interactive) return Propagate(is_interactive.error());
  Result<std::string> path = FindProgram(exec, surroundings.environment);
  if (!path) return Propagate(path.error());
  Launch launch;
  launch.path = std::move(*path);
  launch.arguments = {exec.command};
  launch.arguments.insert(launch.arguments.end(), exec.args.begin(), exec.args.end());
  launch.variables = VariablesOf(exec, surroundings.environment,
                                 EncodeExecInfo(exec.api_version, *is_interactive,
                                                exec.provide_cluster_info ? &cluster : nullptr));
  if (!*is_interactive) {
    Result<UniqueFd> null = Open("/dev/null");
    if (!null) return Propagate(null.error());
    launch.input = std::move(*null);
  }
  return launch;
}

Result<Credential> Run(const ExecConfig& exec, const ExecCluster& cluster,
                       const ExecSurroundings& surroundings) {
  Result<Launch> launch = Prepare(exec, cluster, surroundings);
  if (!launch) return Propagate(launch.error());
  UniqueFd output;
  Result<pid_t> pid = Start(*launch, output);
  if (!pid) return Propagate(pid.error());
  Child child(*pid);
  Result<std::string> answer = ReadAnswer(output.get(), child.pidfd());
  if (!answer) return Propagate(answer.error());
  output.Reset();
  Result<int> status = child.Wait();
  if (!status) return Propagate(status.error());
  if (Result<void> end = CheckEnd(*status); !end) return Propagate(end.error());
  return ParseExecCredential(*answer, exec.api_version);
}

}  // namespace

Result<Credential> RunExecPlugin(const ExecConfig& exec, const ExecCluster& cluster,
                                 const ExecSurroundings& surroundings) {
  Result<Credential> credential = Run(exec, cluster, surroundings);
  if (credential) return credential;
  return Propagate(credential.error(),
                   fmt::format("credential plugin {}", Printable(exec.command)));
}

}  // namespace nsdebug::kubectl
