#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/io.h"
#include "base/unique_fd.h"
#include "kubectl/kubeconfig/exec_plugin.h"

namespace nsdebug::kubectl {
namespace {

namespace fs = std::filesystem;

/// A plugin that is a shell script, in a directory that is the whole PATH but for the shell's own.
class ExecPluginTest : public testing::Test {
 protected:
  ExecPluginTest() {
    std::string path = fs::temp_directory_path() / "exec_plugin_test.XXXXXX";
    directory_ = ::mkdtemp(path.data());
    surroundings_.environment.variables["PATH"] = "relative:" + directory_ + ":/usr/bin:/bin";
    exec_.api_version = "client.authentication.k8s.io/v1";
    exec_.command = "plugin";
    exec_.interactive_mode = "IfAvailable";
  }
  ~ExecPluginTest() override {
    // Whatever happened, nothing of it is left to be reaped.
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    fs::remove_all(directory_);
  }

  void Write(const std::string& script) {
    const std::string path = directory_ + "/plugin";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    ::chmod(path.c_str(), 0755);
  }

  /// A script that answers with a token.
  static std::string Token(const std::string& token) {
    return R"(printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",')"
           R"('"status":{"token":"%s"}}' ")" +
           token + "\"\n";
  }

  Result<Credential> Run() { return RunExecPlugin(exec_, cluster_, surroundings_); }
  std::string TokenOf() {
    Result<Credential> credential = Run();
    return credential ? credential->token : credential.error().message;
  }

  std::string directory_;
  ExecConfig exec_;
  ExecCluster cluster_;
  ExecSurroundings surroundings_;
};

TEST_F(ExecPluginTest, PassesArgumentsAndEnvironment) {
  exec_.args = {"a b", "$HOME"};
  exec_.env = {{"MINE", "1"}, {"BOTH", "mine"}, {"BOTH", "last"}};
  surroundings_.environment.variables["BOTH"] = "theirs";
  surroundings_.environment.variables["THEIRS"] = "2";
  Write(Token("$#|$1|$2|$MINE|$BOTH|$THEIRS"));
  EXPECT_EQ(TokenOf(), "2|a b|$HOME|1|last|2");
}

TEST_F(ExecPluginTest, TellsWhatItIsAskedFor) {
  cluster_.server = "https://k";
  Write("info=$(printf %s \"$KUBERNETES_EXEC_INFO\" | tr -d '\"')\n" + Token("$info"));
  EXPECT_EQ(TokenOf(),
            "{apiVersion:client.authentication.k8s.io/v1,kind:ExecCredential,"
            "spec:{interactive:false}}");
  exec_.provide_cluster_info = true;
  surroundings_.stdin_is_terminal = true;
  EXPECT_EQ(TokenOf(),
            "{apiVersion:client.authentication.k8s.io/v1,kind:ExecCredential,"
            "spec:{cluster:{config:null,server:https://k},interactive:true}}");
}

TEST_F(ExecPluginTest, GivesStandardInputOnlyWhenInteractive) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  ASSERT_TRUE(WriteAll(write_end.get(), "typed\n", "pipe"));
  UniqueFd kept(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  ASSERT_GE(::dup2(read_end.get(), STDIN_FILENO), 0);
  Write("read -r line\n" + Token("line:$line"));
  EXPECT_EQ(TokenOf(), "line:");
  surroundings_.stdin_is_terminal = true;
  exec_.interactive_mode = "Never";
  EXPECT_EQ(TokenOf(), "line:");
  exec_.interactive_mode = "Always";
  EXPECT_EQ(TokenOf(), "line:typed");
  if (kept.valid()) ::dup2(kept.get(), STDIN_FILENO);
}

TEST_F(ExecPluginTest, RefusesToAskWithoutATerminal) {
  exec_.interactive_mode = "Always";
  Write("touch \"$(dirname \"$0\")/ran\"\n");
  Result<Credential> credential = Run();
  ASSERT_FALSE(credential);
  EXPECT_EQ(credential.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(credential.error().message.starts_with(
      "credential plugin plugin: it needs a terminal (interactiveMode: Always)"));
  EXPECT_FALSE(fs::exists(directory_ + "/ran"));
}

TEST_F(ExecPluginTest, ShowsTheInstallHintWhenItIsMissing) {
  exec_.install_hint = "get it from\nhttps://x \x1b[31m";
  Result<Credential> credential = Run();
  ASSERT_FALSE(credential);
  EXPECT_EQ(credential.error().code, Code::kNotFound);
  EXPECT_EQ(credential.error().message,
            "credential plugin plugin: no such program\n\nget it from\nhttps://x U+001B[31m");
}

TEST_F(ExecPluginTest, DoesNotRunProgramsOfTheCurrentDirectory) {
  Write(Token("t"));
  const fs::path here = fs::current_path();
  fs::current_path(directory_);
  surroundings_.environment.variables["PATH"] = ".::relative";
  EXPECT_EQ(TokenOf(), "credential plugin plugin: no such program");
  surroundings_.environment.variables.erase("PATH");
  EXPECT_EQ(TokenOf(), "credential plugin plugin: no such program");
  fs::current_path(here);
}

TEST_F(ExecPluginTest, NamesHowItFailed) {
  Write("echo secret; exit 3\n");
  Result<Credential> credential = Run();
  ASSERT_FALSE(credential);
  EXPECT_EQ(credential.error().code, Code::kUnauthenticated);
  EXPECT_EQ(credential.error().message, "credential plugin plugin: failed with exit code 3");
  Write("kill -TERM $$\n");
  EXPECT_EQ(TokenOf(), "credential plugin plugin: killed by SIGTERM");
  Write("echo secret\n");
  EXPECT_EQ(TokenOf(), "credential plugin plugin: its answer: not JSON");
}

TEST_F(ExecPluginTest, NamesWhatTheKernelDoesNotExecute) {
  const std::string path = directory_ + "/plugin";
  std::ofstream(path) << "#!/none/interpreter\n";
  ::chmod(path.c_str(), 0755);
  EXPECT_EQ(TokenOf(), "credential plugin plugin: execute " + path + ": no such file or directory");
}

TEST_F(ExecPluginTest, BoundsTheAnswer) {
  Write("exec cat /dev/zero\n");
  EXPECT_EQ(TokenOf(), "credential plugin plugin: its answer has more than 1048576 bytes");
}

TEST_F(ExecPluginTest, DoesNotWaitForADaemonThatHoldsTheOutput) {
  Write("sleep 600 & echo $! > \"$(dirname \"$0\")/daemon\"\n" + Token("t"));
  EXPECT_EQ(TokenOf(), "t");
  pid_t daemon = 0;
  std::ifstream(directory_ + "/daemon") >> daemon;
  ASSERT_GT(daemon, 1);
  ::kill(daemon, SIGKILL);
}

TEST_F(ExecPluginTest, WaitsForTheEndWhenTheOutputIsClosed) {
  Write(Token("t") + "exec >&-\nsleep 0.1\nexit 4\n");
  EXPECT_EQ(TokenOf(), "credential plugin plugin: failed with exit code 4");
}

TEST_F(ExecPluginTest, BlockedAndIgnoredSignalsAreNotPassedOn) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  auto* handler = ::signal(SIGPIPE, SIG_IGN);
  Write("kill -PIPE $$\n");
  EXPECT_EQ(TokenOf(), "credential plugin plugin: killed by SIGPIPE");
  ::signal(SIGPIPE, handler);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(ExecPluginTest, DiesWithItsParent) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), 0), 0);
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  Write("echo started >/proc/self/fd/" + std::to_string(write_end.get()) + "\nexec sleep 600\n");
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    read_end.Reset();
    (void)Run();
    ::_exit(0);
  }
  write_end.Reset();
  std::array<char, 8> text{};
  ASSERT_EQ(::read(read_end.get(), text.data(), text.size()), 8);
  ::kill(parent, SIGKILL);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  // The plugin held the other end.
  pollfd end{read_end.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, 60'000), 1);
  EXPECT_EQ(::read(read_end.get(), text.data(), text.size()), 0);
}

}  // namespace
}  // namespace nsdebug::kubectl
