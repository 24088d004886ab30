#include "tests/fake_cri/process_in_cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/io.h"

namespace nsdebug::cri {

namespace {

constexpr std::chrono::seconds kRemovalTimeout{5};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

bool MakePipe(Pipe* made) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return false;
  made->read.Reset(fds[0]);
  made->write.Reset(fds[1]);
  return true;
}

// The kernel lets go of a cgroup a moment after its last process was reaped.
void RemoveCgroups(std::filesystem::path directory, const std::filesystem::path& top) {
  const auto deadline = std::chrono::steady_clock::now() + kRemovalTimeout;
  while (true) {
    std::error_code error;
    std::filesystem::remove(directory, error);
    if (!error) {
      if (directory == top) return;
      directory = directory.parent_path();
    } else if (std::chrono::steady_clock::now() > deadline) {
      std::cerr << "cgroup " << directory << " stays: " << error.message() << '\n';
      return;
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace

ProcessInCgroup::ProcessInCgroup(const std::string& path) {
  if (!MakeCgroup(path) || !Spawn() || !MoveToCgroup()) End();
}

ProcessInCgroup::~ProcessInCgroup() {
  End();
  if (!top_.empty()) RemoveCgroups(cgroup_, top_);
}

std::string ProcessInCgroup::Namespace(const std::string& kind) const {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/ns/{}", pid_, kind), error);
}

void ProcessInCgroup::End() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  input_.Reset();
}

bool ProcessInCgroup::MakeCgroup(const std::string& path) {
  static std::atomic<int> count{0};
  // Where v1 hierarchies are mounted the proof of a container looks at them alone.
  const std::string v1 = "/sys/fs/cgroup/pids";
  const std::string root = std::filesystem::is_directory(v1) ? v1 : "/sys/fs/cgroup";
  const std::string top = fmt::format("{}/nsdebug-test-{}-{}", root, ::getpid(), count++);
  std::error_code error;
  if (!std::filesystem::create_directory(top, error)) {
    problem_ = fmt::format("cannot make cgroup {}: {}", top, error.message());
    return false;
  }
  top_ = cgroup_ = top;
  // One by one, so that what was made is known when a later one fails.
  for (const std::filesystem::path& part : std::filesystem::path(path)) {
    const std::string next = cgroup_ + "/" + part.string();
    if (!std::filesystem::create_directory(next, error)) {
      problem_ = fmt::format("cannot make cgroup {}: {}", next, error.message());
      return false;
    }
    cgroup_ = next;
  }
  return true;
}

bool ProcessInCgroup::Spawn() {
  Pipe input;
  Pipe output;
  if (!MakePipe(&input) || !MakePipe(&output)) {
    problem_ = "cannot make pipes";
    return false;
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  const char* arguments[] = {"unshare", "--net", "--ipc",          "--uts", "--",
                             "sh",      "-c",    "echo; exec cat", nullptr};
  // Not fork: the test program has the threads of gRPC.
  const int error = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr,
                                   const_cast<char* const*>(arguments), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = 0;
    problem_ = "cannot start unshare: " + ErrnoText(error);
    return false;
  }
  input_ = std::move(input.write);
  output.write.Reset();
  char newline = 0;
  // Its namespaces are its own once it has said a word.
  if (::read(output.read.get(), &newline, 1) != 1) {
    problem_ = "unshare makes no namespaces here";
    return false;
  }
  return true;
}

bool ProcessInCgroup::MoveToCgroup() {
  Result<UniqueFd> processes = Open(cgroup_ + "/cgroup.procs", O_WRONLY);
  Result<void> moved = processes ? WriteAll(processes->get(), std::to_string(pid_), cgroup_)
                                 : Propagate(processes.error());
  if (!moved) problem_ = moved.error().message;
  return moved.has_value();
}

}  // namespace nsdebug::cri
