#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "agent/audit/audit_log.h"
#include "agent/audit/mask.h"
#include "base/io.h"
#include "base/text.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr AuditTime kTime = AuditTime(std::chrono::milliseconds(1'767'323'045'678));

AuditSubject Subject() {
  AuditSubject subject;
  subject.session_id = "7f3a";
  subject.user = "alice";
  subject.groups = {"dev", "system:authenticated"};
  subject.source = "10.0.0.9:40000";
  subject.pod_namespace = "shop";
  subject.pod = "web-7";
  subject.container = "app";
  subject.container_id = "4242abcd";
  subject.pid = 4242;
  subject.node = "node-1";
  subject.profile = "general";
  subject.view = "tools";
  subject.command = {"curl", "--token", "hunter2"};
  return subject;
}

constexpr const char* kSubjectText =
    R"("session":"7f3a","user":"alice","groups":["dev","system:authenticated"],)"
    R"("source":"10.0.0.9:40000","namespace":"shop","pod":"web-7","container":"app",)"
    R"("containerId":"4242abcd","pid":4242,"node":"node-1","profile":"general","view":"tools",)"
    R"("command":["curl","--token","***"])";

TEST(AuditLineTest, HasTheFieldsOfEachEvent) {
  const std::string start = R"({"time":"2026-01-02T03:04:05.678Z","event":")";
  EXPECT_EQ(AuditLine(SessionOpened{Subject()}, kTime),
            start + R"(opened",)" + kSubjectText + "}\n");
  SessionClosed closed{Subject(), 10, 20, std::chrono::milliseconds(1500), 3, {}, ""};
  EXPECT_EQ(AuditLine(closed, kTime),
            start + R"(closed",)" + kSubjectText +
                R"(,"bytesIn":10,"bytesOut":20,"durationMs":1500,"exitCode":3})" + "\n");
  closed.exit_code.reset();
  closed.signal = SIGKILL;
  closed.cause = "idle for 15m";
  EXPECT_THAT(AuditLine(closed, kTime), HasSubstr(R"("signal":"SIGKILL","cause":"idle for 15m"})"));
  EXPECT_EQ(AuditLine(SessionDenied{Subject(), Code::kResourceExhausted, "50 sessions"}, kTime),
            start + R"(denied",)" + kSubjectText +
                R"(,"code":"RESOURCE_EXHAUSTED","reason":"50 sessions"})" + "\n");
}

TEST(AuditLineTest, WhatIsNotKnownIsLeftOut) {
  EXPECT_EQ(AuditLine(SessionOpened{}, kTime),
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"event\":\"opened\"}\n");
}

TEST(AuditLineTest, AnyBytesMakeOneLineOfAscii) {
  std::string all;
  for (int c = 255; c >= 0; --c) all.push_back(static_cast<char>(c));
  SessionDenied event;
  event.subject.user = all;
  event.subject.groups = {"\xff", "\xc3\xa4\xe2\x80\xa8", "\n\"\\"};
  event.subject.command = {all, "\xed\xa0\x80", "\xc3"};
  event.reason = all;
  const std::string line = AuditLine(event, kTime);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  for (const char c : line.substr(0, line.size() - 1)) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["groups"][0], "\\xff");
  EXPECT_EQ(object["groups"][1], "\xc3\xa4\xe2\x80\xa8");
  EXPECT_EQ(object["groups"][2], "\n\"\\");
  EXPECT_EQ(object["command"][2], "\\xc3");
}

TEST(AuditLineTest, IsBounded) {
  const std::string large(100'000, 'x');
  SessionDenied event;
  event.subject = Subject();
  event.subject.user = large;
  event.subject.groups.assign(100, "g");
  event.reason = large;
  auto object = nlohmann::json::parse(AuditLine(event, kTime));
  EXPECT_EQ(object["user"], std::string(kMaxAuditFieldBytes, 'x') + "...");
  EXPECT_EQ(object["groups"].back(), "... (68 more groups)");
  event.subject.groups.assign(100, std::string(1000, '\x01'));
  event.subject.command.assign(100, std::string(1000, '\x01'));
  const std::string line = AuditLine(event, kTime);
  EXPECT_LE(line.size(), kMaxAuditLineBytes);
  object = nlohmann::json::parse(line);
  EXPECT_EQ(object["cut"], true);
  EXPECT_FALSE(object.contains("command"));
  EXPECT_EQ(object["pod"], "web-7");
}

class AuditLogTest : public testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    folder_ = testing::TempDir() + "audit-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/audit.log";
  }
  void TearDown() override {
    for (const char* name : {"audit.log", "audit.log.1", "other"}) {
      ::unlink((folder_ + "/" + name).c_str());
    }
    ::rmdir(folder_.c_str());
  }

  Result<std::unique_ptr<AuditLog>> OpenLog(const std::string& path, bool fail_open = false) {
    AuditLog::Options options;
    options.config = {path, fail_open};
    options.on_failure = [this](const Error& error) { failures_.push_back(error.message); };
    options.now = [] { return kTime; };
    options.write_timeout = write_timeout_;
    return AuditLog::Open(std::move(options));
  }

  static size_t LinesIn(const std::string& path) {
    Result<std::string> text = ReadFile(path);
    if (!text) return 0;
    size_t lines = 0;
    for (const std::string_view line : Split(*text, '\n')) {
      if (line.empty()) continue;
      EXPECT_TRUE(nlohmann::json::accept(line)) << line;
      ++lines;
    }
    return lines;
  }

  std::string folder_;
  std::string path_;
  std::vector<std::string> failures_;
  std::chrono::milliseconds write_timeout_ = kAuditWriteTimeout;
  const SessionOpened event_{Subject()};
};

TEST_F(AuditLogTest, MakesAFileThatOnlyItsOwnerReads) {
  auto log = OpenLog(path_);
  ASSERT_TRUE(log);
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_TRUE((*log)->Write(SessionClosed{}));
  EXPECT_TRUE((*log)->Write(SessionDenied{}));
  struct stat status = {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600);
  EXPECT_EQ(LinesIn(path_), 3);
  // Another start goes on behind.
  log = OpenLog(path_);
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_EQ(LinesIn(path_), 4);
}

TEST_F(AuditLogTest, FollowsRotationWithAndWithoutASignal) {
  auto log = OpenLog(path_);
  ASSERT_TRUE(log);
  EXPECT_TRUE((*log)->Write(event_));
  ASSERT_EQ(::rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_EQ(LinesIn(path_), 1);
  EXPECT_EQ(LinesIn(path_ + ".1"), 1);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_TRUE((*log)->Reopen());
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_EQ(LinesIn(path_), 1);
}

TEST_F(AuditLogTest, AFullDiskFailsClosed) {
  auto log = OpenLog("/dev/full");
  ASSERT_TRUE(log);
  const Result<void> written = (*log)->Write(event_);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().error_number, ENOSPC);
  EXPECT_EQ(written.error().message,
            "write audit log /dev/full: no space left on device: free space on its file system");
  EXPECT_THAT(failures_, SizeIs(1));
}

TEST_F(AuditLogTest, AFullDiskIsToldAndNoMoreWhenItFailsOpen) {
  auto log = OpenLog("/dev/full", true);
  ASSERT_TRUE(log);
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_THAT(failures_, testing::ElementsAre(HasSubstr("no space left on device")));
}

TEST_F(AuditLogTest, AMissingFolderStopsTheStartUnlessItFailsOpen) {
  const std::string path = folder_ + "/none/audit.log";
  auto log = OpenLog(path);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().message,
            "open audit log " + path + ": no such file or directory: make its folder");
  log = OpenLog(path, true);
  ASSERT_TRUE(log);
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_THAT(failures_, SizeIs(3));
  ASSERT_EQ(::mkdir((folder_ + "/none").c_str(), 0700), 0);
  EXPECT_TRUE((*log)->Write(event_));
  EXPECT_EQ(LinesIn(path), 1);
  ::unlink(path.c_str());
  ::rmdir((folder_ + "/none").c_str());
}

TEST_F(AuditLogTest, FollowsNoLinkAndTakesNoPipe) {
  ASSERT_EQ(::symlink((folder_ + "/other").c_str(), path_.c_str()), 0);
  auto log = OpenLog(path_);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("a symbolic link is not followed"));
  EXPECT_NE(::access((folder_ + "/other").c_str(), F_OK), 0);
  ::unlink(path_.c_str());
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(OpenLog(path_));
  Result<UniqueFd> reader = Open(path_, O_RDONLY | O_NONBLOCK);
  log = OpenLog(path_);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("not a file"));
}

// Runs `body` with standard output at `fd`.
template <class Body>
void WithStandardOutput(int fd, Body body) {
  UniqueFd saved(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  ::fflush(stdout);
  ::dup2(fd, STDOUT_FILENO);
  body();
  ::dup2(saved.get(), STDOUT_FILENO);
}

TEST_F(AuditLogTest, StandardOutputIsAnAddressToo) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  Result<std::unique_ptr<AuditLog>> log = Fail(Code::kInternal, "");
  WithStandardOutput(write_end.get(), [&] { log = OpenLog("-"); });
  ASSERT_TRUE(log);
  write_end.Reset();
  EXPECT_TRUE((*log)->Write(event_));
  std::array<char, 2048> text{};
  ASSERT_GT(::read(read_end.get(), text.data(), text.size()), 0);
  EXPECT_THAT(text.data(), HasSubstr(kSubjectText));

  read_end.Reset();
  const Result<void> written = (*log)->Write(event_);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "write audit log standard output: broken pipe: its reader is gone: restart what "
            "collects the log, then the agent");
}

TEST_F(AuditLogTest, WritesHereOnlyWhatDoesNotWait) {
  auto file = OpenLog(path_);
  ASSERT_TRUE(file);
  EXPECT_FALSE((*file)->WriteHere(event_));
  EXPECT_EQ(LinesIn(path_), 0);

  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(fds[0]);
  const UniqueFd write_end(fds[1]);
  Result<std::unique_ptr<AuditLog>> log = Fail(Code::kInternal, "");
  WithStandardOutput(write_end.get(), [&] { log = OpenLog("-"); });
  ASSERT_TRUE(log);
  std::optional<Result<void>> written = (*log)->WriteHere(event_);
  ASSERT_TRUE(written);
  EXPECT_TRUE(*written);
  std::vector<char> text(1 << 20);
  ASSERT_GT(::read(read_end.get(), text.data(), text.size()), 0);
  EXPECT_THAT(text.data(), HasSubstr(kSubjectText));

  // A line that may come in parts.
  SessionOpened longest = event_;
  longest.subject.groups = std::vector<std::string>(20, std::string(kMaxAuditFieldBytes, 'a'));
  EXPECT_FALSE((*log)->WriteHere(longest));
  // A reader that has fallen behind: each line whole, or not at all.
  size_t lines = 0;
  while ((*log)->WriteHere(event_)) ++lines;
  const ssize_t size = ::read(read_end.get(), text.data(), text.size());
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.begin() + size, '\n')), lines);
  EXPECT_EQ(text[static_cast<size_t>(size) - 1], '\n');
}

// What the log does with a descriptor that would let a writer wait for ever.
void FillAndRecover(AuditLog* log, const SessionOpened& event, int read_end) {
  Result<void> written;
  for (int line = 0; line < 100'000 && written; ++line) written = log->Write(event);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("its reader is stuck"));
  // Whoever comes behind does not wait for as long once more.
  const auto start = std::chrono::steady_clock::now();
  constexpr int kMore = 20;
  for (int line = 0; line < kMore; ++line) EXPECT_FALSE(log->Write(event));
  EXPECT_LT(std::chrono::steady_clock::now() - start, kMore * std::chrono::milliseconds(100));
  std::vector<char> read(1 << 20);
  ASSERT_GT(::read(read_end, read.data(), read.size()), 0);
  EXPECT_TRUE(log->Write(event));
}

TEST_F(AuditLogTest, AReaderOfABlockingPipeThatIsStuckIsNotWaitedForForEver) {
  write_timeout_ = std::chrono::milliseconds(100);
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  Result<std::unique_ptr<AuditLog>> log = Fail(Code::kInternal, "");
  WithStandardOutput(write_end.get(), [&] { log = OpenLog("-"); });
  ASSERT_TRUE(log);
  FillAndRecover(log->get(), event_, read_end.get());
  EXPECT_EQ(::fcntl(write_end.get(), F_GETFL) & O_NONBLOCK, 0) << "others write there too";
}

TEST_F(AuditLogTest, NeitherIsOneOfASocket) {
  write_timeout_ = std::chrono::milliseconds(100);
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  Result<std::unique_ptr<AuditLog>> log = Fail(Code::kInternal, "");
  WithStandardOutput(write_end.get(), [&] { log = OpenLog("-"); });
  ASSERT_TRUE(log);
  FillAndRecover(log->get(), event_, read_end.get());
}

TEST_F(AuditLogTest, LinesOfManyThreadsStayWhole) {
  auto log = OpenLog(path_);
  ASSERT_TRUE(log);
  constexpr size_t kThreads = 4;
  constexpr size_t kLines = 200;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (size_t line = 0; line < kLines; ++line) EXPECT_TRUE((*log)->Write(event_));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(LinesIn(path_), kThreads * kLines);
}

TEST_F(AuditLogTest, AShortWriteIsCompletedOrItsLineEnded) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK), 0);
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  Result<std::unique_ptr<AuditLog>> log = Fail(Code::kInternal, "");
  WithStandardOutput(write_end.get(), [&] { log = OpenLog("-"); });
  ASSERT_TRUE(log);
  write_end.Reset();
  // More than the pipe holds: the writer must wait for the reader.
  constexpr size_t kLines = 400;
  std::thread writer([&] {
    for (size_t line = 0; line < kLines; ++line) EXPECT_TRUE((*log)->Write(event_));
    log->reset();
  });
  ASSERT_EQ(::fcntl(read_end.get(), F_SETFL, 0), 0);
  Result<std::string> text = ReadAll(read_end.get(), "pipe");
  writer.join();
  ASSERT_TRUE(text);
  EXPECT_THAT(Split(*text, '\n'), SizeIs(kLines + 1));
}

}  // namespace
}  // namespace nsdebug
