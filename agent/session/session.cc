#include "agent/session/session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "base/io.h"
#include "base/process.h"

namespace nsdebug {

namespace {

using namespace boost::asio::experimental::awaitable_operators;

// All that a pipe holds, and what one write of TLS takes: for each of both somebody is woken. Less
// what a frame adds, WebSocket's header and the channel, which would be a TLS record of their own.
constexpr size_t kFrameBytes = 5;
constexpr size_t kOutputBytes = (64 << 10) - kFrameBytes;

// ns-enter ends a session half a second after it was asked to; from one that does not the plan's
// socket is taken away, which ends the session at once.
constexpr std::chrono::seconds kInsistAfter{2};

// ns-enter itself gives up on a stuck session after a few seconds and leaves it to the sweep.
constexpr std::chrono::seconds kKillAfter{10};

// How long a client may take nothing of what an ended command has left behind.
constexpr std::chrono::seconds kDrainTimeout{30};

// kubectl drops a connection from which it heard no pong for 61 seconds.
constexpr std::chrono::seconds kKeepAliveInterval{15};

// When the target dies the kernel kills the session first, and the target is seen dead after it.
constexpr std::chrono::milliseconds kTargetDeathTimeout{200};

// A terminal's way to say that there is no more input.
constexpr std::string_view kEndOfTransmission = "\x04";

void Adopt(asio::posix::stream_descriptor* stream, UniqueFd fd) {
  if (fd.valid()) stream->assign(fd.Release());
}

using WaitType = asio::posix::stream_descriptor::wait_type;

asio::awaitable<bool> WaitFor(asio::posix::stream_descriptor* stream, WaitType type) {
  boost::system::error_code error;
  co_await stream->async_wait(type, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<void> Delay(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// A descriptor to wait for that stays its owner's: a duplicate would fail when none is left.
class Borrowed {
 public:
  Borrowed(const asio::any_io_executor& executor, int fd) : stream_(executor) {
    boost::system::error_code ignored;
    stream_.assign(fd, ignored);
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    if (stream_.is_open()) stream_.release();
  }

  asio::posix::stream_descriptor* stream() { return &stream_; }

 private:
  asio::posix::stream_descriptor stream_;
};

/// Waits until the process of a pidfd has ended, or for `time`.
asio::awaitable<void> WaitForEnd(int pidfd, std::chrono::milliseconds time) {
  Borrowed process(co_await asio::this_coro::executor, pidfd);
  co_await (WaitFor(process.stream(), WaitType::wait_read) || Delay(time));
}

}  // namespace

std::shared_ptr<Session> Session::Make(SessionProcess process, ClientStream* client,
                                       Options options) {
  return std::shared_ptr<Session>(new Session(std::move(process), client, std::move(options)));
}

Session::Session(SessionProcess process, ClientStream* client, Options options)
    : process_(std::move(process)),
      client_(client),
      options_(std::move(options)),
      events_(options_.strand),
      stdin_(options_.strand),
      stdout_(options_.strand),
      stderr_(options_.strand),
      terminal_(options_.strand),
      input_over_(options_.strand),
      watch_(options_.strand),
      last_activity_(Clock::now()) {
  Adopt(&events_, std::move(process_.events));
  Adopt(&stdin_, std::move(process_.stdin_fd));
  Adopt(&stdout_, std::move(process_.stdout_fd));
  Adopt(&stderr_, std::move(process_.stderr_fd));
}

asio::awaitable<SessionEnd> Session::Run() {
  asio::co_spawn(
      options_.strand, [self = shared_from_this()] { return self->Input(); },
      [self = shared_from_this()](const std::exception_ptr&) { self->input_over_.Set(); });
  // Watch() has no end of its own. It waits for a timer only, which may be cancelled.
  co_await ((Events() && PumpOutput() && Pump(&stderr_, Output::kStderr)) || Watch());
  co_return end_;
}

asio::awaitable<void> Session::Join() {
  co_await input_over_.Wait();
  co_await WaitForExit();
}

void Session::End(EndCause cause) {
  asio::post(options_.strand, [self = shared_from_this(), cause] { self->EndNow(cause); });
}

// --- what ns-enter tells

asio::awaitable<void> Session::Events() {
  while (!told_ && events_.is_open()) {
    Result<Message> message = ReceiveMessage(events_.native_handle(), 0);
    if (message) {
      Take(std::move(*message));
      continue;
    }
    if (message.error().code != Code::kDeadlineExceeded) break;
    if (!(co_await WaitFor(&events_, WaitType::wait_read))) break;
  }
  if (!told_) {
    co_await WaitForExit();
    end_.cause = asked_.value_or(EndCause::kLost);
  }
  co_await NameCause();
  over_ = true;
  terminal_.Set();
  // What is in the pipes now is all there will be: somebody outside the session may hold their
  // other ends open for ever.
  stdin_.close();
  if (stdout_.is_open()) stdout_.cancel();
  if (stderr_.is_open()) stderr_.cancel();
  last_activity_ = Clock::now();
  watch_.cancel();
}

void Session::Take(Message message) {
  Result<SessionEvent> event = DecodeEvent(message.bytes);
  if (!event) return;
  switch (event->kind) {
    case SessionEvent::Kind::kTerminal:
      if (message.fds.size() != 1 || stdout_.is_open()) return;
      ::fcntl(message.fds[0].get(), F_SETFL, O_RDWR | O_NONBLOCK);
      Adopt(&stdout_, std::move(message.fds[0]));
      Resize(rows_, columns_);
      terminal_.Set();
      return;
    case SessionEvent::Kind::kFailed:
      told_ = true;
      end_.cause = EndCause::kSetupFailed;
      end_.failure = std::move(event->failure);
      return;
    case SessionEvent::Kind::kEnded:
      told_ = true;
      end_.status = event->status;
      end_.cause = event->cause == "deadline" ? EndCause::kDeadline : EndCause::kExit;
      if (asked_) end_.cause = *asked_;
      return;
    case SessionEvent::Kind::kExecuted:
      setup_time_ = Clock::now() - process_.started();
      return;
    case SessionEvent::Kind::kStarted:
      return;
  }
}

asio::awaitable<void> Session::WaitForExit() {
  if (HasExited(process_.pidfd())) co_return;
  co_await WaitForEnd(process_.pidfd(), kInsistAfter);
  events_.close();
  if (HasExited(process_.pidfd())) co_return;
  // Here and not in the destructor, which would hold a thread of all sessions for as long.
  co_await WaitForEnd(process_.pidfd(), kKillAfter);
  if (HasExited(process_.pidfd())) co_return;
  (void)SendSignal(process_.pidfd(), SIGKILL);
  co_await WaitForEnd(process_.pidfd(), kKillAfter);
}

/// A command that was killed although nobody asked for it may have been so with its target.
asio::awaitable<void> Session::NameCause() {
  const bool killed = end_.cause == EndCause::kExit && end_.status == SIGKILL;
  if (!options_.target.valid() || (!killed && end_.cause != EndCause::kLost)) co_return;
  co_await WaitForEnd(options_.target.get(), kTargetDeathTimeout);
  if (HasExited(options_.target.get())) end_.cause = EndCause::kTargetGone;
}

// --- what the command writes

asio::awaitable<void> Session::PumpOutput() {
  if (options_.tty) co_await terminal_.Wait();
  co_await Pump(&stdout_, Output::kStdout);
}

asio::awaitable<void> Session::Pump(Stream* stream, Output output) {
  // Held only while there is something to carry: most sessions are silent most of the time.
  std::unique_ptr<std::array<char, kOutputBytes>> buffer;
  while (stream->is_open()) {
    if (!buffer) buffer = std::make_unique_for_overwrite<std::array<char, kOutputBytes>>();
    const ssize_t count = ::read(stream->native_handle(), buffer->data(), buffer->size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (over_) co_return;
      buffer.reset();
      (void)co_await WaitFor(stream, WaitType::wait_read);
      continue;
    }
    // A terminal whose other end is closed gives EIO.
    if (count <= 0) co_return;
    Result<void> written =
        co_await client_->Write(output, {buffer->data(), static_cast<size_t>(count)});
    if (!written) {
      EndNow(EndCause::kClientGone);
      co_return;
    }
    bytes_out_ += static_cast<uint64_t>(count);
    last_activity_ = Clock::now();
  }
}

// --- what the client sends

asio::awaitable<void> Session::Input() {
  for (;;) {
    const ClientInput input = co_await client_->Read();
    if (!(co_await TakeInput(input))) break;
  }
}

asio::awaitable<bool> Session::TakeInput(const ClientInput& input) {
  switch (input.kind) {
    case ClientInput::Kind::kStdin:
      co_await WriteInput(input.data);
      co_return true;
    case ClientInput::Kind::kStdinEnd:
      co_await EndInput();
      co_return true;
    case ClientInput::Kind::kResize:
      Resize(input.rows, input.columns);
      co_return true;
    case ClientInput::Kind::kGone:
      break;
  }
  EndNow(EndCause::kClientGone);
  co_return false;
}

asio::awaitable<void> Session::WriteInput(std::string_view data) {
  if (options_.tty) co_await terminal_.Wait();
  while (!data.empty() && !over_ && input()->is_open()) {
    const ssize_t count = ::write(input()->native_handle(), data.data(), data.size());
    if (count >= 0) {
      data.remove_prefix(static_cast<size_t>(count));
      bytes_in_ += static_cast<uint64_t>(count);
      last_activity_ = Clock::now();
    } else if (errno == EAGAIN) {
      co_await WaitForRoom();
    } else if (errno != EINTR) {
      // The command has closed its input, which is its right; what is sent on is for nobody.
      if (!options_.tty) stdin_.close();
      co_return;
    }
  }
}

asio::awaitable<void> Session::WaitForRoom() {
  auto first = co_await (WaitFor(input(), WaitType::wait_write) || Delay(kKeepAliveInterval));
  if (first.index() == 0) co_return;
  Result<void> kept = co_await client_->KeepAlive();
  // Its end is behind the input that nobody takes, so nobody would read it.
  if (!kept) EndNow(EndCause::kClientGone);
}

asio::awaitable<void> Session::EndInput() {
  // A terminal has no end. Its driver makes one of this character, unless the program reads raw.
  if (options_.tty) co_await WriteInput(kEndOfTransmission);
  stdin_.close();
}

void Session::Resize(unsigned short rows, unsigned short columns) {
  rows_ = rows;
  columns_ = columns;
  if (!options_.tty || !stdout_.is_open() || rows == 0 || columns == 0) return;
  const winsize size{rows, columns, 0, 0};
  ::ioctl(stdout_.native_handle(), TIOCSWINSZ, &size);
}

// --- what time does

asio::awaitable<void> Session::Watch() {
  for (;;) {
    watch_.expires_at(NextLook());
    boost::system::error_code woken;
    co_await watch_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (woken || Clock::now() < NextLook()) continue;
    if (over_) {
      client_->Abort();
      last_activity_ = Clock::now();
    } else if (asked_) {
      events_.close();
      asked_at_ = Clock::now();
    } else {
      EndNow(EndCause::kIdle);
    }
  }
}

Session::Clock::time_point Session::NextLook() const {
  if (over_) return last_activity_ + kDrainTimeout;
  if (asked_) return asked_at_ + kInsistAfter;
  return last_activity_ + options_.idle_timeout;
}

void Session::EndNow(EndCause cause) {
  if (asked_ || over_) return;
  asked_ = cause;
  asked_at_ = Clock::now();
  process_.Terminate();
  watch_.cancel();
}

}  // namespace nsdebug
