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

// Enough that the thread is not waited for between two records of TLS; what a reader that has
// stopped leaves in our memory.
constexpr size_t kMaxUnwritten = 256 << 10;
// A pipe's default size: pieces are joined up to it.
constexpr size_t kPieceBytes = 64 << 10;

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
  Result<void> good = co_await WaitFor(kMaxUnwritten);
  if (!good) co_return Propagate(std::move(good.error()));
  Enqueue(fd, name, data);
  // After the lock: the thread would wake only to wait for it.
  more_.notify_all();
  co_return Result<void>();
}

void OutputWriter::Enqueue(int fd, const char* name, std::string_view data) {
  const std::lock_guard lock(mutex_);
  unwritten_ += data.size();
  if (!queue_.empty() && queue_.back().fd == fd && queue_.back().data.size() < kPieceBytes) {
    queue_.back().data += data;
  } else {
    queue_.push_back({fd, name, std::string(data)});
  }
}

asio::awaitable<Result<void>> OutputWriter::Flush() { co_return co_await WaitFor(1); }

/// Until less than `room` bytes are unwritten.
asio::awaitable<Result<void>> OutputWriter::WaitFor(size_t room) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) co_return Fail(Code::kAborted, "the output was given up");
      if (!failure_) co_return Propagate(Error(failure_.error()));
      if (unwritten_ < room) co_return Result<void>();
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
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
    if (stopped_ || !failure_) break;
    const Piece piece = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    Result<void> written = WriteOut(piece);
    lock.lock();
    unwritten_ -= piece.data.size();
    const bool failed = !written;
    if (failed) failure_ = std::move(written);
    if (!std::exchange(is_waited_for_, false) && !failed) continue;
    // The timer is the executor's; this may be gone when it gets there.
    asio::post(changed_->get_executor(), [changed = changed_] { changed->cancel(); });
  }
  over_ = true;
  more_.notify_all();
}

Result<void> OutputWriter::WriteOut(const Piece& piece) const {
  std::string_view left = piece.data;
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
