#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/asio.h"
#include "agent/session/client_stream.h"
#include "agent/session/event.h"
#include "agent/session/session_end.h"
#include "agent/session/session_process.h"
#include "base/message_socket.h"

namespace nsdebug {

/// One running command and its client: carries the streams between them, with backpressure in both
/// directions, and ends the command when anything ends the session.
///
/// Everything but End(), bytes_in() and bytes_out() belongs to the strand it was made with.
class Session : public std::enable_shared_from_this<Session> {
 public:
  struct Options {
    asio::any_io_executor strand;
    bool tty = false;
    std::chrono::milliseconds idle_timeout{0};
    UniqueFd target;  ///< pidfd, to know whether the target has died; may be invalid
  };

  /// Shared by whoever runs it and by what is on its way to the strand. `client` outlives Join().
  static std::shared_ptr<Session> Make(SessionProcess process, ClientStream* client,
                                       Options options);

  /// Carries the session to its end: no process of it is left then but ns-enter, which ends, and
  /// the client has taken all of its output or is gone. Its last words, and closing it, are the
  /// caller's; then Join().
  asio::awaitable<SessionEnd> Run();

  /// Waits until nobody reads from the client any more, which must have been closed, and until
  /// ns-enter has ended.
  asio::awaitable<void> Join();

  /// Ends it from outside; any thread.
  void End(EndCause cause);

  uint64_t bytes_in() const { return bytes_in_; }
  uint64_t bytes_out() const { return bytes_out_; }

  /// From the start of ns-enter to the command's execution; nullopt before that.
  std::optional<std::chrono::nanoseconds> setup_time() const { return setup_time_; }

 private:
  using Stream = asio::posix::stream_descriptor;
  using Clock = std::chrono::steady_clock;

  Session(SessionProcess process, ClientStream* client, Options options);

  // What ns-enter tells.
  asio::awaitable<void> Events();
  void Take(Message message);
  asio::awaitable<void> WaitForExit();
  asio::awaitable<void> NameCause();

  // What the command writes.
  asio::awaitable<void> Pump(Stream* stream, Output output);
  asio::awaitable<void> PumpOutput();

  // What the client sends.
  asio::awaitable<void> Input();
  asio::awaitable<bool> TakeInput(const ClientInput& input);
  asio::awaitable<void> WriteInput(std::string_view data);
  asio::awaitable<void> WaitForRoom();
  asio::awaitable<void> EndInput();
  void Resize(unsigned short rows, unsigned short columns);
  Stream* input() { return options_.tty ? &stdout_ : &stdin_; }

  // What time does.
  asio::awaitable<void> Watch();
  Clock::time_point NextLook() const;
  void EndNow(EndCause cause);

  SessionProcess process_;
  ClientStream* client_;
  Options options_;

  Stream events_;
  Stream stdin_;
  Stream stdout_;  ///< the terminal, with one
  Stream stderr_;

  SessionEnd end_;
  std::optional<std::chrono::nanoseconds> setup_time_;
  bool told_ = false;              ///< `end_` is ns-enter's word
  std::optional<EndCause> asked_;  ///< why we ended it, when we did
  Clock::time_point asked_at_;
  bool over_ = false;  ///< no process of it is left
  Event terminal_;     ///< it has arrived, or will not
  Event input_over_;
  asio::steady_timer watch_;
  Clock::time_point last_activity_;
  unsigned short rows_ = 0;
  unsigned short columns_ = 0;
  std::atomic<uint64_t> bytes_in_ = 0;
  std::atomic<uint64_t> bytes_out_ = 0;
};

}  // namespace nsdebug
