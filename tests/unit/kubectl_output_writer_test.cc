#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <thread>

#include "base/pipe.h"
#include "kubectl/exec/output_writer.h"

namespace nsdebug::kubectl {
namespace {

// More than a pipe holds, and than the writer takes before it waits.
constexpr size_t kMuch = 1 << 20;

class KubectlOutputWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    ASSERT_TRUE(out_ && err_);
  }

  void Run(const std::function<asio::awaitable<void>(OutputWriter&)>& use) {
    asio::co_spawn(
        loop_,
        [&]() -> asio::awaitable<void> {
          OutputWriter writer(loop_.get_executor());
          co_await use(writer);
        },
        [](const std::exception_ptr& error) {
          if (error) std::rethrow_exception(error);
        });
    loop_.run();
  }

  static std::string ReadAll(int fd) {
    std::string all;
    char piece[4096];
    for (ssize_t count = 0; (count = ::read(fd, piece, sizeof(piece))) > 0;) {
      all.append(piece, static_cast<size_t>(count));
    }
    return all;
  }

  int out() const { return out_->write_end.get(); }
  int err() const { return err_->write_end.get(); }

  asio::io_context loop_;
  Result<Pipe> out_ = MakePipe("make stdout");
  Result<Pipe> err_ = MakePipe("make stderr");
};

TEST_F(KubectlOutputWriterTest, WritesAllOfBothThroughSlowReaders) {
  std::string expected_out;
  std::string expected_err;
  std::string read_out;
  std::string read_err;
  std::thread reader([&] { read_out = ReadAll(out_->read_end.get()); });
  std::thread other_reader([&] { read_err = ReadAll(err_->read_end.get()); });
  Run([&](OutputWriter& writer) -> asio::awaitable<void> {
    for (int line = 0; expected_out.size() < kMuch; ++line) {
      const std::string text = std::to_string(line) + "\n";
      expected_out += text;
      EXPECT_TRUE(co_await writer.Write(out(), "stdout", text));
      if (line % 7 != 0) continue;
      expected_err += text;
      EXPECT_TRUE(co_await writer.Write(err(), "stderr", text));
    }
    EXPECT_TRUE(co_await writer.Flush());
  });
  out_->write_end.Reset();
  err_->write_end.Reset();
  reader.join();
  other_reader.join();
  EXPECT_TRUE(read_out == expected_out);
  EXPECT_TRUE(read_err == expected_err);
}

TEST_F(KubectlOutputWriterTest, KeepsTheOrderOfTheTwoWhereTheyAreOne) {
  std::string read;
  std::thread reader([&] { read = ReadAll(out_->read_end.get()); });
  const int same = ::fcntl(out(), F_DUPFD_CLOEXEC, 0);
  std::string expected;
  Run([&](OutputWriter& writer) -> asio::awaitable<void> {
    for (int line = 0; line < 10'000; ++line) {
      const std::string text = std::to_string(line) + "\n";
      expected += text;
      const int fd = line % 3 == 0 ? same : out();
      EXPECT_TRUE(co_await writer.Write(fd, "stdout", text));
    }
    EXPECT_TRUE(co_await writer.Flush());
  });
  ::close(same);
  out_->write_end.Reset();
  reader.join();
  EXPECT_TRUE(read == expected);
}

TEST_F(KubectlOutputWriterTest, HoldsBackWhoeverWritesUntilItIsStopped) {
  size_t taken = 0;
  Code code = Code::kInternal;
  Run([&](OutputWriter& writer) -> asio::awaitable<void> {
    const std::string piece(64 << 10, 'x');
    asio::steady_timer stop(loop_, std::chrono::milliseconds(50));
    stop.async_wait([&](const boost::system::error_code&) { writer.Stop(); });
    for (;;) {
      Result<void> written = co_await writer.Write(out(), "stdout", piece);
      if (!written) {
        code = written.error().code;
        break;
      }
      taken += piece.size();
    }
  });
  EXPECT_EQ(code, Code::kAborted);
  EXPECT_GE(taken, 64U << 10);
  EXPECT_LT(taken, kMuch);
}

TEST_F(KubectlOutputWriterTest, TellsThatNobodyReads) {
  out_->read_end.Reset();
  Result<void> flushed;
  Run([&](OutputWriter& writer) -> asio::awaitable<void> {
    EXPECT_TRUE(co_await writer.Write(out(), "stdout", "lost"));
    co_await writer.Failed();
    flushed = co_await writer.Flush();
  });
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Code::kUnavailable);
  EXPECT_EQ(flushed.error().message, "write stdout: broken pipe");
}

TEST_F(KubectlOutputWriterTest, WaitsForAReaderOfANonBlockingPipe) {
  ::fcntl(out(), F_SETFL, O_WRONLY | O_NONBLOCK);
  const std::string data(kMuch, 'x');
  std::string read;
  std::thread reader([&] { read = ReadAll(out_->read_end.get()); });
  Run([&](OutputWriter& writer) -> asio::awaitable<void> {
    EXPECT_TRUE(co_await writer.Write(out(), "stdout", data));
    EXPECT_TRUE(co_await writer.Flush());
  });
  out_->write_end.Reset();
  reader.join();
  EXPECT_TRUE(read == data);
}

}  // namespace
}  // namespace nsdebug::kubectl
