#include "nsenter/session/guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/message_socket.h"
#include "base/process.h"
#include "base/text.h"
#include "nsenter/process_title.h"

namespace nsdebug {

namespace {

using Clock = std::chrono::steady_clock;

// How long a session's init may take to reap what was killed.
constexpr int kReapTimeoutMs = 2000;
// Bounds the hunt for processes that fork while they are killed.
constexpr auto kHuntTimeout = std::chrono::milliseconds(5000);
// When to look again for children that were missed.
constexpr int kLookAgainMs = 5;
// Exit codes of the guard besides 0.
constexpr int kHeardOfNoInit = 1;
constexpr int kLeftSome = 2;

// What ns-enter says to it: here is the init; the session has ended.
constexpr std::string_view kInit = "init";
constexpr std::string_view kOver = "over";

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  Result<std::string> text = ReadFile(fmt::format("/proc/{0}/task/{0}/children", pid));
  if (!text) return children;
  for (std::string_view word : Split(*text, ' ')) {
    if (auto child = ParseNumber(word, INT32_MAX)) children.push_back(static_cast<pid_t>(*child));
  }
  return children;
}

/// Kills everything below `pid`. What is further down is stopped first, so that it makes no further
/// children while we look at those it has. The init's own children are not: when the command stops,
/// the init stops too, and could not reap.
void KillTree(pid_t pid, int pidfd, bool stop_first, std::vector<UniqueFd>* killed) {
  std::vector<std::pair<pid_t, UniqueFd>> children;
  for (pid_t child : ChildrenOf(pid)) {
    // One that cannot be opened for want of descriptors is for the next round.
    if (Result<UniqueFd> opened = OpenPidfd(child))
      children.emplace_back(child, std::move(*opened));
  }
  // Still a child after it was opened, and its parent alive: neither number has been reused.
  const std::vector<pid_t> still = ChildrenOf(pid);
  if (HasExited(pidfd)) return;
  for (auto& [child, opened] : children) {
    // A dead one has no children, and one that a tracer holds stays for as long as that likes.
    if (std::find(still.begin(), still.end(), child) == still.end()) continue;
    if (HasExited(opened.get())) continue;
    if (stop_first) (void)SendSignal(opened.get(), SIGSTOP);
    KillTree(child, opened.get(), true, killed);
    (void)SendSignal(opened.get(), SIGKILL);
    killed->push_back(std::move(opened));
  }
}

/// A session without a cgroup may be any number of processes, and each costs a descriptor.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool WaitForExit(int pidfd, int timeout_ms) {
  pollfd exit{pidfd, POLLIN, 0};
  return ::poll(&exit, 1, timeout_ms) > 0;
}

/// Without a cgroup of its own a session is the tree below its init, which as a subreaper also has
/// the daemons in it. To find nobody proves nothing: the kernel's list of children leaves some out
/// while others exit (proc(5)), and one that is gone before we open it may just have left its own
/// to the init. The proof is the end of the init, which stays as long as it has children.
void KillDescendants(int init_pidfd) {
  const auto end = Clock::now() + kHuntTimeout;
  auto quiet_end = Clock::now() + std::chrono::milliseconds(kReapTimeoutMs);
  Result<pid_t> init = PidOf(init_pidfd);
  while (init && !HasExited(init_pidfd) && Clock::now() < std::min(end, quiet_end)) {
    std::vector<UniqueFd> killed;
    KillTree(*init, init_pidfd, false, &killed);
    if (killed.empty()) {
      WaitForExit(init_pidfd, kLookAgainMs);
      continue;
    }
    for (const UniqueFd& pidfd : killed) WaitForExit(pidfd.get(), kReapTimeoutMs);
    quiet_end = Clock::now() + std::chrono::milliseconds(kReapTimeoutMs);
  }
}

/// The guard itself: a process in the node's namespaces, privileged, that runs nothing of the
/// target.
class GuardProcess {
 public:
  GuardProcess(const GuardWatch& watch, int control, int parent_pidfd)
      : watch_(watch), control_(control), parent_(parent_pidfd) {
    has_terminal_ = watch_.terminal_fd >= 0 && ::tcgetattr(watch_.terminal_fd, &settings_) == 0;
  }

  [[noreturn]] void Run() {
    // Out of the terminal's reach: its signals and its hang-up are for the command.
    ::setsid();
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    SetProcessTitle("ns-enter: guard of a debug session");
    if (::chdir("/") != 0) ::_exit(1);
    CloseEverythingElse();
    RaiseDescriptorLimit();
    Sweep();
    WatchUntilOver();
    // It was told of the init before the end, but may have seen the end first.
    if (!init_pidfd_.valid()) (void)TakeMessage();
    // ns-enter has done so itself, unless it was killed; of that its descriptors tell before its
    // pidfd.
    RestoreTerminal();
    const bool ended = EndSession(watch_.cgroup, init_pidfd_.get());
    // Root in the target can stop the init, and ns-enter then stops like a command's parent does.
    (void)SendSignal(parent_, SIGCONT);
    // Without an init it has not seen all that ns-enter may have made since.
    if (!init_pidfd_.valid()) ::_exit(kHeardOfNoInit);
    ::_exit(ended ? 0 : kLeftSome);
  }

 private:
  void Sweep() const {
    if (watch_.cgroup_parent.empty()) return;
    Result<std::vector<CgroupMount>> mounts = ReadCgroupMounts();
    if (mounts) SweepSessions(*mounts, watch_.cgroup_parent);
  }

  void RestoreTerminal() {
    // We are in another session, so the kernel does not take us for a background job here.
    if (has_terminal_) ::tcsetattr(watch_.terminal_fd, TCSANOW, &settings_);
  }

  /// Standard streams included: a pipe that the guard holds would never be at its end.
  void CloseEverythingElse() {
    CloseAllBut({control_, parent_, watch_.starter_fd, has_terminal_ ? watch_.terminal_fd : -1});
  }

  void WatchUntilOver() {
    UniqueFd timer = StartTimer();
    for (;;) {
      std::array<pollfd, 4> watched = {{{control_, POLLIN, 0},
                                        {parent_, POLLIN, 0},
                                        {watch_.starter_fd, POLLIN, 0},
                                        {timer.get(), POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), -1) < 0) continue;
      // Before the rest: ns-enter may have told of the init and died since, and without a cgroup
      // only the init leads to what there is to kill.
      if (watched[0].revents != 0 && !TakeMessage()) return;
      if (watched[1].revents != 0) return;
      if (watched[2].revents != 0) return Announce(Guard::kStarterGone);
      if (watched[3].revents != 0) {
        Announce(Guard::kDeadline);
        return WaitForGrace();
      }
    }
  }

  /// ns-enter sends SIGTERM at the deadline: a capture is to write its last packets.
  void WaitForGrace() const {
    std::array<pollfd, 2> over = {{{control_, POLLIN, 0}, {parent_, POLLIN, 0}}};
    ::poll(over.data(), over.size(), kGraceMs);
  }

  UniqueFd StartTimer() const {
    if (watch_.deadline.count() == 0) return UniqueFd();
    UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    itimerspec when{};
    when.it_value.tv_sec = watch_.deadline.count() / 1000;
    when.it_value.tv_nsec = watch_.deadline.count() % 1000 * 1'000'000;
    ::timerfd_settime(timer.get(), 0, &when, nullptr);
    return timer;
  }

  bool TakeMessage() {
    Result<Message> message = ReceiveMessage(control_, 0);
    // ns-enter has ended it and put the terminal right.
    if (message && message->bytes == kOver) ::_exit(0);
    if (!message || message->fds.empty()) return false;
    init_pidfd_ = std::move(message->fds[0]);
    return true;
  }

  void Announce(const char* cause) { (void)SendMessage(control_, cause); }

  const GuardWatch& watch_;
  int control_;
  int parent_;
  UniqueFd init_pidfd_;
  bool has_terminal_ = false;
  termios settings_{};
};

}  // namespace

Result<Guard> Guard::Start(const GuardWatch& watch) {
  Result<MessageSocketPair> control = MakeMessageSocketPair();
  if (!control) return Propagate(control.error());
  Result<UniqueFd> own_pidfd = OpenPidfd(::getpid());
  if (!own_pidfd) return Propagate(own_pidfd.error());
  // Before the fork: on a busy machine ns-enter may be at the terminal before the guard runs.
  GuardProcess guard(watch, control->second.get(), own_pidfd->get());
  const pid_t pid = ::fork();
  if (pid < 0) return FailErrno("start the session's guard");
  if (pid == 0) guard.Run();
  return Guard(pid, std::move(control->first));
}

Result<void> Guard::WatchInit(int init_pidfd) {
  return SendMessage(control_.get(), kInit, {init_pidfd});
}

void Guard::Dismiss() { (void)SendMessage(control_.get(), kOver); }

std::string Guard::TakeCause() {
  Result<Message> message = ReceiveMessage(control_.get(), 0);
  return message ? message->bytes : std::string();
}

Guard::Outcome Guard::Finish() {
  control_.Reset();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return Outcome::kNotEnded;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) == kHeardOfNoInit) return Outcome::kNotEnded;
  return WEXITSTATUS(status) == 0 ? Outcome::kEnded : Outcome::kLeftSome;
}

bool EndSession(const std::optional<SessionCgroup>& cgroup, int init_pidfd) {
  // A stopped init could not reap.
  if (init_pidfd >= 0) (void)SendSignal(init_pidfd, SIGCONT);
  int reap_timeout_ms = kReapTimeoutMs;
  if (cgroup) {
    (void)cgroup->KillCommand();
  } else if (init_pidfd >= 0) {
    KillDescendants(init_pidfd);
    reap_timeout_ms = 0;  // it has waited
  }
  const bool reaped = init_pidfd < 0 || WaitForExit(init_pidfd, reap_timeout_ms);
  if (!reaped) {
    (void)SendSignal(init_pidfd, SIGKILL);
    WaitForExit(init_pidfd, kReapTimeoutMs);
  }
  if (!cgroup) return reaped;
  const bool killed = cgroup->KillAll().has_value();
  return cgroup->Remove().has_value() && killed;
}

}  // namespace nsdebug
