#include "agent/server/one_shot_stream.h"

#include <boost/asio/post.hpp>
#include <exception>

namespace nsdebug {

asio::awaitable<ClientInput> OneShotStream::Read() {
  switch (next_) {
    case Next::kInput:
      Watch();
      next_ = Next::kInputEnd;
      co_return ClientInput{ClientInput::Kind::kStdin, input_, 0, 0};
    case Next::kInputEnd:
      next_ = Next::kClient;
      co_return ClientInput{ClientInput::Kind::kStdinEnd, {}, 0, 0};
    case Next::kClient:
      break;
  }
  co_await gone_.Wait();
  co_return ClientInput{ClientInput::Kind::kGone, "the client closed the connection", 0, 0};
}

void OneShotStream::Watch() {
  asio::co_spawn(
      exchange_->strand(), [exchange = exchange_] { return exchange->WatchClient(); },
      [this](const std::exception_ptr&) { gone_.Set(); });
}

asio::awaitable<Result<void>> OneShotStream::KeepAlive() {
  if (gone_.is_set()) co_return Fail(Code::kUnavailable, "the client closed the connection");
  co_return Result<void>();
}

asio::awaitable<Result<void>> OneShotStream::Write(Output output, std::string_view data) {
  Collected& collected = output == Output::kStderr ? stderr_ : stdout_;
  const size_t room = max_output_ - collected.data.size();
  collected.data.append(data.substr(0, room));
  collected.truncated = collected.truncated || data.size() > room;
  // Taking costs nothing, so a command that writes without end would keep the thread to itself.
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  co_return Result<void>();
}

}  // namespace nsdebug
