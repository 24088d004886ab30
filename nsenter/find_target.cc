#include "nsenter/find_target.h"

#include <fmt/format.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/message_socket.h"
#include "base/process.h"
#include "base/text.h"
#include "nsenter/handover.h"
#include "nsenter/process_handle.h"

namespace nsdebug {

namespace {

// ns-resolve has deadlines of its own for every call; this one is for ns-resolve itself.
constexpr int kResolveTimeoutMs = 60'000;

// Where ns-resolve finds its socket; the first number behind the standard descriptors.
constexpr int kResolverSocket = 3;

Result<std::string> ResolverPath() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length < 0) return FailErrno("find our own executable (is /proc mounted?)");
  const std::string own(path.data(), static_cast<size_t>(length));
  return own.substr(0, own.rfind('/')) + "/../libexec/ns-debug/ns-resolve";
}

/// The running ns-resolve; killed and reaped at the end, whatever happened, so that the command
/// does not inherit a child it knows nothing of.
class Resolver {
 public:
  static Result<Resolver> Start(int socket) {
    Result<std::string> path = ResolverPath();
    if (!path) return Propagate(path.error());
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, socket, kResolverSocket);
    // An ignored SIGPIPE or SIGTERM of our starter is not for ns-resolve.
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    std::string name = "ns-resolve";
    std::array<char*, 2> arguments = {name.data(), nullptr};
    pid_t pid = -1;
    const int error =
        ::posix_spawn(&pid, path->c_str(), &actions, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
      return FailErrno(fmt::format("start {} (is it installed?)", *path), error);
    }
    return Resolver(pid);
  }

  Resolver(Resolver&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  Resolver& operator=(Resolver&&) = delete;
  ~Resolver() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  explicit Resolver(pid_t pid) : pid_(pid) {}

  pid_t pid_;
};

Result<Target> AskResolver(const ResolveRequest& request) {
  Result<MessageSocketPair> sockets = MakeMessageSocketPair();
  if (!sockets) return Propagate(sockets.error());
  // The pair must not sit on the number it is duplicated to: dup2 onto itself keeps close-on-exec.
  if (sockets->second.get() == kResolverSocket) std::swap(sockets->first, sockets->second);
  Result<Resolver> resolver = Resolver::Start(sockets->second.get());
  if (!resolver) return Propagate(resolver.error());
  sockets->second.Reset();
  if (Result<void> sent = SendMessage(sockets->first.get(), EncodeRequest(request)); !sent) {
    return Propagate(sent.error(), "ask ns-resolve");
  }
  Result<Message> answer = ReceiveMessage(sockets->first.get(), kResolveTimeoutMs);
  if (!answer) return Propagate(answer.error(), "ask ns-resolve");
  return DecodeAnswer(std::move(*answer));
}

}  // namespace

Result<Target> FindTarget(const Options& options) {
  ResolveRequest request{"",
                         options.target,
                         options.container,
                         options.sandbox,
                         options.runtime_endpoint,
                         options.docker_host};
  switch (options.target_kind) {
    case Options::TargetKind::kNone:
      return Target{};
    case Options::TargetKind::kPid: {
      Result<UniqueFd> pidfd = OpenPidText(options.target);
      if (!pidfd) return Propagate(pidfd.error());
      Target target;
      target.pidfd = std::move(*pidfd);
      return target;
    }
    case Options::TargetKind::kContainer:
      request.kind = "container";
      break;
    case Options::TargetKind::kPod:
      request.kind = "pod";
      break;
    case Options::TargetKind::kDocker:
      request.kind = "docker";
      break;
  }
  return AskResolver(request);
}

std::string Describe(const Target& target, pid_t pid) {
  std::string process = pid > 0 ? fmt::format("pid {}", pid) : "no process";
  if (target.container_id.empty()) return process;
  std::string name = target.container_name;
  if (!target.pod_name.empty()) {
    name = target.pod_namespace + "/" + target.pod_name + (name.empty() ? "" : "/" + name);
  }
  return fmt::format("{} {} ({} {}, {})",
                     target.container_name.empty() ? "sandbox of" : "container", Printable(name),
                     Printable(target.runtime), Printable(target.container_id.substr(0, 12)),
                     process);
}

}  // namespace nsdebug
