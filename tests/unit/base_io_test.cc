#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "base/io.h"

namespace nsdebug {
namespace {

TEST(ReadAllTest, RefusesMoreThanItsLimitInsteadOfCutting) {
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(::pipe2(pipe_fds.data(), O_CLOEXEC), 0);
  UniqueFd read_end(pipe_fds[0]);
  UniqueFd write_end(pipe_fds[1]);
  ASSERT_TRUE(WriteAll(write_end.get(), "123456", "pipe"));
  write_end.Reset();
  Result<std::string> text = ReadAll(read_end.get(), "pipe", 5);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kResourceExhausted);
  EXPECT_EQ(text.error().message, "read pipe: more than 5 bytes");
}

TEST(WriteAllTest, WaitsForTheReaderOfANonBlockingPipe) {
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(::pipe2(pipe_fds.data(), O_CLOEXEC), 0);
  UniqueFd read_end(pipe_fds[0]);
  UniqueFd write_end(pipe_fds[1]);
  ASSERT_EQ(::fcntl(write_end.get(), F_SETFL, O_NONBLOCK), 0);
  // More than a pipe holds.
  const std::string data(size_t{4} << 20, 'x');
  Result<void> written;
  std::thread writer([&] {
    written = WriteAll(write_end.get(), data, "pipe");
    write_end.Reset();
  });
  Result<std::string> text = ReadAll(read_end.get(), "pipe", data.size());
  writer.join();
  EXPECT_TRUE(written) << written.error().message;
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), data.size());
}

TEST(OpenTest, AlwaysClosesOnExec) {
  Result<UniqueFd> fd = Open("/dev/null");
  ASSERT_TRUE(fd);
  EXPECT_EQ(::fcntl(fd->get(), F_GETFD), FD_CLOEXEC);
}

TEST(OpenTest, NamesThePathInItsError) {
  Result<UniqueFd> fd = Open("/nonexistent/file");
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code, Code::kNotFound);
  EXPECT_EQ(fd.error().message, "open /nonexistent/file: no such file or directory");
}

TEST(CloseAllButTest, LeavesThoseThatWereNamed) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (int fd : {10, 11, 12, 300}) ::dup2(STDERR_FILENO, fd);
    CloseAllBut({300, STDERR_FILENO, -1, 11});
    const auto open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
    const bool right = open(STDERR_FILENO) && open(11) && open(300) && !open(STDIN_FILENO) &&
                       !open(STDOUT_FILENO) && !open(10) && !open(12);
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(UniqueFdTest, ClosesOnceAndMovesOwnership) {
  Result<UniqueFd> fd = Open("/dev/null");
  ASSERT_TRUE(fd);
  const int number = fd->get();
  {
    UniqueFd owner = std::move(*fd);
    EXPECT_FALSE(fd->valid());
    EXPECT_GE(::fcntl(number, F_GETFD), 0);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace nsdebug
