#include "kubectl/exec/remote_session.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <utility>
#include <vector>

#include "base/process.h"
#include "remotecommand/frame.h"

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;
using namespace boost::asio::experimental::awaitable_operators;

constexpr size_t kReadBytes = 64 << 10;

// A path that died without a word is noticed within kMaxSilence and kPingEvery. Of the second, load
// balancers on the way see that the connection is in use.
constexpr std::chrono::seconds kPingEvery{10};
constexpr std::chrono::seconds kMaxSilence{40};
// Of input: less than what a terminal keeps for a command that does not read.
constexpr uint64_t kMaxUnanswered = 2048;

asio::awaitable<void> UntilCancelled() {
  asio::steady_timer never(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  (void)co_await never.async_wait(kAwait);
}

}  // namespace

RemoteSession::RemoteSession(std::unique_ptr<WebSocketStream> socket, Subprotocol subprotocol,
                             Options options)
    : socket_(std::move(socket)),
      subprotocol_(subprotocol),
      options_(options),
      local_input_(options.local.in),
      output_(socket_->get_executor()),
      size_(options.has_tty ? SizeOf(STDIN_FILENO) : std::nullopt),
      wake_(socket_->get_executor(), asio::steady_timer::time_point::max()),
      taken_(socket_->get_executor(), asio::steady_timer::time_point::max()) {}

asio::awaitable<Result<ExecStatus>> RemoteSession::Run() {
  // The first is the only one that ends by itself; the others are cancelled with it.
  auto first = co_await (Receive() || SendAll() || ReadInput() || WatchSignals() || WatchOutput() ||
                         KeepAlive());
  if (left_) co_return Fail(Code::kAborted, *left_);
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return Fail(Code::kUnavailable, "the connection to the agent was lost");
}

// --- what comes

asio::awaitable<Result<ExecStatus>> RemoteSession::Receive() {
  Result<ExecStatus> status = co_await ReceiveAll();
  // A thread that waits for stdin cannot be cancelled otherwise.
  over_ = true;
  local_input_.Stop();
  co_return status;
}

asio::awaitable<Result<ExecStatus>> RemoteSession::ReceiveAll() {
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    is_listening_ = true;
    heard_ = Clock::now();
    auto [error, count] = co_await socket_->async_read_some(asio::buffer(buffer), kAwait);
    is_listening_ = false;
    if (error) {
      // What came is written before anybody hears how it ended.
      Result<void> written = co_await output_.Flush();
      if (!written) co_return Propagate(std::move(written.error()));
    }
    if (error == websocket::error::closed &&
        socket_->reason().code == websocket::close_code::normal) {
      co_return ParseExecStatus(status_);
    }
    if (error) co_return Fail(Code::kUnavailable, WhyLost(error));
    Result<void> taken = co_await TakePiece({buffer.data(), count});
    if (!taken) co_return Propagate(std::move(taken.error()));
  }
}

std::string RemoteSession::WhyLost(const boost::system::error_code& error) const {
  constexpr std::string_view kLost = "the connection to the agent was lost: ";
  if (is_silent_) return fmt::format("{}no sign of life for {} s", kLost, kMaxSilence.count());
  const std::string reason = socket_->next_layer().stream().Reason();
  return std::string(kLost) + (reason.empty() ? error.message() : reason);
}

asio::awaitable<Result<void>> RemoteSession::TakePiece(std::string_view piece) {
  if (!in_message_ && !piece.empty()) {
    channel_ = static_cast<uint8_t>(piece.front());
    piece.remove_prefix(1);
  }
  in_message_ = !socket_->is_message_done();
  if (piece.empty()) co_return Result<void>();
  switch (static_cast<Channel>(channel_)) {
    case Channel::kStdout:
      co_return co_await output_.Write(options_.local.out, "stdout", piece);
    case Channel::kStderr:
      co_return co_await output_.Write(options_.local.err, "stderr", piece);
    case Channel::kStatus:
      if (status_.size() + piece.size() > kMaxStatusBytes) {
        co_return Fail(Code::kInternal, "the agent's status is too long");
      }
      status_ += piece;
      break;
    default:
      break;
  }
  co_return Result<void>();
}

// --- what goes

asio::awaitable<void> RemoteSession::ReadInput() {
  while (options_.has_stdin && !over_) {
    std::string data = co_await local_input_.Read();
    if (data.empty()) {
      input_ended_ = true;
      Wake();
      break;
    }
    if (options_.has_tty) {
      EscapeFilter::Filtered filtered = escape_.Take(data);
      if (filtered.leave) Leave("left with ~.");
      data = std::move(filtered.bytes);
    }
    input_ = std::move(data);
    Wake();
    // Held back by the agent, we hold back whoever writes to us.
    while (!input_.empty()) (void)co_await taken_.async_wait(kAwait);
  }
  // The session may go on without input.
  co_await UntilCancelled();
}

asio::awaitable<void> RemoteSession::SendAll() {
  for (;;) {
    if (std::exchange(wants_ping_, false)) co_await Ping();
    std::string message;
    if (size_) {
      message =
          EncodeFrame(subprotocol_, Channel::kResize, EncodeResize(*std::exchange(size_, {})));
    } else if (!input_.empty()) {
      message = EncodeFrame(subprotocol_, Channel::kStdin, input_);
      sent_ += input_.size();
      input_.clear();
      taken_.cancel();
    } else if (input_ended_ && !std::exchange(end_sent_, true) && subprotocol_.has_close_signal) {
      message = EncodeClose(Channel::kStdin);
    } else {
      (void)co_await wake_.async_wait(kAwait);
      continue;
    }
    const bool is_sent = co_await Send(message);
    if (is_sent) continue;
    // Why, the reading side finds out, with what the agent had still to say.
    co_await UntilCancelled();
  }
}

asio::awaitable<bool> RemoteSession::Send(const std::string& message) {
  auto [error, count] = co_await socket_->async_write(asio::buffer(message), kAwait);
  co_return !error;
}

// --- what else

asio::awaitable<void> RemoteSession::KeepAlive() {
  // Answers to pings are seen by whoever reads.
  socket_->control_callback([this](websocket::frame_type kind, boost::beast::string_view payload) {
    heard_ = Clock::now();
    if (kind != websocket::frame_type::pong) return;
    std::from_chars(payload.data(), payload.data() + payload.size(), answered_);
  });
  asio::steady_timer timer(socket_->get_executor());
  while (!IsSilentTooLong()) {
    timer.expires_after(kPingEvery);
    auto [cancelled] = co_await timer.async_wait(kAwait);
    if (cancelled) co_return;
    wants_ping_ = true;
    Wake();
  }
  is_silent_ = true;
  socket_->next_layer().stream().Close();
  // The reading side tells.
  co_await UntilCancelled();
}

asio::awaitable<void> RemoteSession::Ping() {
  const std::string payload = std::to_string(sent_);
  // That it failed, the reading side finds out.
  (void)co_await socket_->async_ping(websocket::ping_data(payload), kAwait);
}

bool RemoteSession::IsSilentTooLong() const {
  // Behind input that the command does not take, a ping is not seen either.
  const bool can_answer = sent_ - answered_ <= kMaxUnanswered;
  return is_listening_ && can_answer && Clock::now() - heard_ > kMaxSilence;
}

asio::awaitable<void> RemoteSession::WatchSignals() {
  asio::signal_set signals(socket_->get_executor(), SIGWINCH, SIGINT, SIGTERM);
  signals.add(SIGHUP);
  for (;;) {
    auto [error, signal_number] = co_await signals.async_wait(kAwait);
    if (error) co_return;
    if (signal_number == SIGWINCH) {
      if (options_.has_tty) size_ = SizeOf(STDIN_FILENO);
      Wake();
    } else {
      // The agent ends the command when we are gone.
      Leave("interrupted by " + SignalName(signal_number));
    }
  }
}

asio::awaitable<void> RemoteSession::WatchOutput() {
  co_await output_.Failed();
  // The reading side tells.
  socket_->next_layer().stream().Close();
  co_await UntilCancelled();
}

void RemoteSession::Leave(std::string why) {
  left_ = std::move(why);
  // Whoever reads our output may have stopped.
  output_.Stop();
  socket_->next_layer().stream().Close();
}

}  // namespace nsdebug::kubectl
