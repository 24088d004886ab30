#include "kubectl/exec/output_writer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

namespace nsdebug::kubectl {

namespace {

// Enough that the thread is not waited for between two reads of TLS. As much again may be under
// way: what a reader that has stopped leaves in our memory.
constexpr size_t kMaxBatchBytes = 128 << 10;

// Ignored unless it has a handler, and of no use to anybody else here.
constexpr int kInterrupt = SIGURG;
// A signal that comes just before write(2) interrupts nothing, so it is sent until it does.
constexpr std::chrono::milliseconds kInterruptAgain{10};

void LetInterrupt() {
  struct sigaction action {};
  // Without SA_RESTART: write(2) is to return.
  action.sa_handler = [](int) {};
  ::sigaction(kInterrupt, &action, nullptr);
}

void WaitUntilWritable(int fd) {
  pollfd watched = {fd, POLLOUT, 0};
  (void)::poll(&watched, 1, -1);
}

}  // namespace

OutputWriter::OutputWriter(const asio::any_io_executor& executor)
    : changed_(
          std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max())) {
  LetInterrupt();
  thread_ = std::thread([this] { Run(); });
}

OutputWriter::~OutputWriter() {
  Stop();
  std::unique_lock lock(mutex_);
  while (!more_.wait_for(lock, kInterruptAgain, [this] { return over_; })) {
    ::pthread_kill(thread_.native_handle(), kInterrupt);
  }
  lock.unlock();
  thread_.join();
}

asio::awaitable<Result<void>> OutputWriter::Write(int fd, const char* name, std::string_view data) {
  Result<void> good = co_await WaitUntil([this] { return next_.bytes.size() < kMaxBatchBytes; });
  if (!good) co_return Propagate(std::move(good.error()));
  Append(fd, name, data);
  co_return Result<void>();
}

void OutputWriter::Append(int fd, const char* name, std::string_view data) {
  bool is_awaited = false;
  {
    const std::lock_guard lock(mutex_);
    next_.bytes += data;
    if (next_.pieces.empty() || next_.pieces.back().fd != fd) next_.pieces.push_back({fd, name, 0});
    next_.pieces.back().size += data.size();
    is_awaited = !is_writing_;
  }
  // After the lock: the thread would wake only to wait for it.
  if (is_awaited) more_.notify_all();
}

asio::awaitable<Result<void>> OutputWriter::Flush() {
  co_return co_await WaitUntil([this] { return next_.pieces.empty() && !is_writing_; });
}

/// Of what the mutex guards.
template <class Condition>
asio::awaitable<Result<void>> OutputWriter::WaitUntil(Condition condition) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) co_return Fail(Code::kAborted, "the output was given up");
      if (!failure_) co_return Propagate(Error(failure_.error()));
      if (condition()) co_return Result<void>();
      is_waited_for_ = true;
    }
    (void)co_await changed_->async_wait(kAwait);
  }
}

asio::awaitable<void> OutputWriter::Failed() {
  while (!HasFailed()) (void)co_await changed_->async_wait(kAwait);
}

bool OutputWriter::HasFailed() const {
  const std::lock_guard lock(mutex_);
  return !failure_.has_value();
}

void OutputWriter::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  more_.notify_all();
  changed_->cancel();
}

// --- the thread

void OutputWriter::Run() {
  Batch batch;
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [this] { return stopped_ || !next_.pieces.empty(); });
    if (stopped_) break;
    std::swap(batch, next_);
    is_writing_ = true;
    // There is room again, before this is written.
    Tell();
    lock.unlock();
    Result<void> written = WriteOut(batch);
    batch.bytes.clear();
    batch.pieces.clear();
    lock.lock();
    is_writing_ = false;
    if (!written) {
      failure_ = std::move(written);
      // Failed() waits always.
      is_waited_for_ = true;
      Tell();
      break;
    }
    if (next_.pieces.empty()) Tell();
  }
  over_ = true;
  more_.notify_all();
}

/// With the mutex.
void OutputWriter::Tell() {
  if (!std::exchange(is_waited_for_, false)) return;
  // The timer is the executor's; this may be gone when it gets there.
  asio::post(changed_->get_executor(), [changed = changed_] { changed->cancel(); });
}

Result<void> OutputWriter::WriteOut(const Batch& batch) const {
  std::string_view left = batch.bytes;
  for (const Piece& piece : batch.pieces) {
    Result<void> written = WriteOut(piece, left.substr(0, piece.size));
    if (!written) return written;
    left.remove_prefix(piece.size);
  }
  return {};
}

Result<void> OutputWriter::WriteOut(const Piece& piece, std::string_view left) const {
  while (!left.empty()) {
    const ssize_t count = ::write(piece.fd, left.data(), left.size());
    const int error = count < 0 ? errno : 0;
    // Somebody who shares it has made it non-blocking.
    if (error == EAGAIN) WaitUntilWritable(piece.fd);
    if (error != 0 && error != EINTR && error != EAGAIN) {
      return FailErrno(std::string("write ") + piece.name, error);
    }
    if (count > 0) left.remove_prefix(static_cast<size_t>(count));
    const std::lock_guard lock(mutex_);
    if (stopped_) return Fail(Code::kAborted, "the output was given up");
  }
  return {};
}

}  // namespace nsdebug::kubectl
