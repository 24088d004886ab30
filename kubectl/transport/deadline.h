#pragma once

#include <chrono>
#include <memory>

#include "kubectl/transport/byte_stream.h"

namespace nsdebug::kubectl {

/// Closes a stream unless it ends in time, so that what is under way on it returns with an error. A
/// cancellation would not reach it: the layers of a stream are coroutines of their own.
class Deadline {
 public:
  Deadline(ByteStream& stream, std::chrono::milliseconds time)
      : state_(std::make_shared<State>(State{&stream})), timer_(stream.executor(), time) {
    timer_.async_wait([state = state_](const boost::system::error_code& cancelled) {
      if (cancelled || state->stream == nullptr) return;
      state->has_passed = true;
      state->stream->Close();
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { state_->stream = nullptr; }

  bool has_passed() const { return state_->has_passed; }

 private:
  struct State {
    ByteStream* stream;  ///< nullptr: too late to close it
    bool has_passed = false;
  };
  // Of us and of the timer's handler, which may be on its way when we end.
  std::shared_ptr<State> state_;
  asio::steady_timer timer_;
};

}  // namespace nsdebug::kubectl
