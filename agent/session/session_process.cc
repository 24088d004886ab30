#include "agent/session/session_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/message_socket.h"
#include "base/pipe.h"
#include "base/process.h"
#include "nsenter/session/session_plan.h"

namespace nsdebug {

namespace {

// Where ns-enter finds the plan: behind the standard streams.
constexpr int kPlanFd = 3;

// A killed session is gone within milliseconds; ns-enter itself gives up on a stuck one after a few
// seconds (kKillTimeout) and leaves it to the sweep.
constexpr int kReapTimeoutMs = 10'000;

void SetNonBlocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// The standard streams of a session: the command's ends, and ours.
struct Streams {
  std::array<UniqueFd, 3> command;
  std::array<UniqueFd, 3> own;
};

Result<Streams> MakeStreams(const std::array<bool, 3>& wanted) {
  Streams streams;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    Result<Pipe> pipe = MakePipe("make a pipe for a session");
    if (!pipe) return Propagate(std::move(pipe.error()));
    streams.command[i] = std::move(i == 0 ? pipe->read_end : pipe->write_end);
    streams.own[i] = std::move(i == 0 ? pipe->write_end : pipe->read_end);
    SetNonBlocking(streams.own[i].get());
  }
  return streams;
}

class SpawnActions {
 public:
  SpawnActions() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  /// The command's streams come with the plan.
  void Prepare(int plan) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
      ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_RDWR, 0);
    }
    ::posix_spawn_file_actions_adddup2(&actions_, plan, kPlanFd);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kPlanFd + 1);
    // An ignored SIGPIPE survives the execution, and every command of the session would have it.
    sigset_t all;
    sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    // A group of its own: what is typed at a terminal the agent runs on is not for its sessions.
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// The agent's own environment is not for commands, and ns-enter needs none.
Result<pid_t> Spawn(const std::string& program, const SpawnActions& spawn) {
  std::string path = program;
  std::string option = "--plan-fd";
  std::string number = std::to_string(kPlanFd);
  std::array<char*, 4> arguments = {path.data(), option.data(), number.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), spawn.actions(), spawn.attributes(),
                                  arguments.data(), environment.data());
  if (error == 0) return pid;
  Failure failure = FailErrno(fmt::format("start {} for a session", program), error);
  // For the caller it is not his pod that was not found.
  if (error == ENOENT || error == EACCES) failure.value().code = Code::kUnavailable;
  return failure;
}

}  // namespace

Result<SessionProcess> SessionProcess::Spawn(const std::string& program) {
  Result<MessageSocketPair> sockets = MakeMessageSocketPair();
  if (!sockets) return Propagate(std::move(sockets.error()));
  SpawnActions actions;
  actions.Prepare(sockets->second.get());
  Result<pid_t> pid = nsdebug::Spawn(program, actions);
  if (!pid) return Propagate(std::move(pid.error()));

  SessionProcess process;
  process.pid_ = *pid;
  process.events = std::move(sockets->first);
  Result<UniqueFd> pidfd = OpenPidfd(*pid);
  if (!pidfd) return Propagate(std::move(pidfd.error()));
  process.pidfd_ = std::move(*pidfd);
  return process;
}

Result<void> SessionProcess::Start(const SessionSpec& spec, const Target& target,
                                   const SessionStreams& wanted) {
  Result<Streams> streams =
      MakeStreams({wanted.stdin_wanted && !spec.tty, wanted.stdout_wanted && !spec.tty,
                   wanted.stderr_wanted && !spec.tty});
  if (!streams) return Propagate(std::move(streams.error()));
  started_ = std::chrono::steady_clock::now();
  Result<void> sent = SendSessionPlan(events.get(), spec, target, streams->command);
  if (!sent) return sent;
  stdin_fd = std::move(streams->own[0]);
  stdout_fd = std::move(streams->own[1]);
  stderr_fd = std::move(streams->own[2]);
  SetNonBlocking(events.get());
  return {};
}

SessionProcess& SessionProcess::operator=(SessionProcess&& other) noexcept {
  if (this == &other) return *this;
  Reap();
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  started_ = other.started_;
  events = std::move(other.events);
  stdin_fd = std::move(other.stdin_fd);
  stdout_fd = std::move(other.stdout_fd);
  stderr_fd = std::move(other.stderr_fd);
  return *this;
}

SessionProcess::~SessionProcess() { Reap(); }

void SessionProcess::Terminate() const {
  if (pidfd_.valid()) (void)SendSignal(pidfd_.get(), SIGTERM);
}

void SessionProcess::Reap() {
  if (pid_ < 0) return;
  events.Reset();
  // One that is stopped or stuck in the kernel must not hold the agent's thread for good.
  if (pidfd_.valid()) {
    pollfd ended{pidfd_.get(), POLLIN, 0};
    if (::poll(&ended, 1, kReapTimeoutMs) <= 0) (void)SendSignal(pidfd_.get(), SIGKILL);
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace nsdebug
