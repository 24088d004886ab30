#include "kubectl/exec/remote_session.h"

#include <signal.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <utility>
#include <vector>

#include "base/process.h"
#include "remotecommand/frame.h"

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;
using namespace boost::asio::experimental::awaitable_operators;

constexpr size_t kReadBytes = 64 << 10;

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
      taken_(socket_->get_executor(), asio::steady_timer::time_point::max()),
      keep_alive_(socket_.get()) {}

asio::awaitable<Result<ExecStatus>> RemoteSession::Run() {
  // The first is the only one that ends by itself; the others are cancelled with it.
  auto first = co_await (Receive() || SendAll() || ReadInput() || WatchSignals() || WatchOutput() ||
                         keep_alive_.Run([this] { return AskForPing(); }));
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
    keep_alive_.BeginListening();
    auto [error, count] = co_await socket_->async_read_some(asio::buffer(buffer), kAwait);
    keep_alive_.EndListening();
    if (error) {
      // What came is written before anybody hears how it ended.
      Result<void> written = co_await output_.Flush();
      if (!written) co_return Propagate(std::move(written.error()));
    }
    if (error == websocket::error::closed &&
        socket_->reason().code == websocket::close_code::normal) {
      co_return received_.Status();
    }
    if (error) co_return Fail(Code::kUnavailable, keep_alive_.WhyLost(error));
    Result<void> taken = co_await TakePiece({buffer.data(), count});
    if (!taken) co_return Propagate(std::move(taken.error()));
  }
}

asio::awaitable<Result<void>> RemoteSession::TakePiece(std::string_view piece) {
  Result<SessionOutput::Piece> output = received_.Take(piece, socket_->is_message_done());
  if (!output) co_return Propagate(std::move(output.error()));
  if (output->data.empty()) co_return Result<void>();
  if (output->channel == Channel::kStdout) {
    co_return co_await output_.Write(options_.local.out, "stdout", output->data);
  }
  co_return co_await output_.Write(options_.local.err, "stderr", output->data);
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
    if (std::exchange(wants_ping_, false)) co_await keep_alive_.Ping();
    std::string message;
    if (size_) {
      message =
          EncodeFrame(subprotocol_, Channel::kResize, EncodeResize(*std::exchange(size_, {})));
    } else if (!input_.empty()) {
      message = EncodeFrame(subprotocol_, Channel::kStdin, input_);
      keep_alive_.CountInput(input_.size());
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

asio::awaitable<void> RemoteSession::AskForPing() {
  wants_ping_ = true;
  Wake();
  co_return;
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
