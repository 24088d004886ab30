#pragma once

#include <cstdint>
#include <string>

#include "agent/server/exchange.h"
#include "agent/session/event.h"

namespace nsdebug {

/// The client of a one-shot exec: its input came whole with the request, its output is collected.
/// It is watched from the first Read() on; whoever has read has to go on until it is gone.
class OneShotStream final : public ClientStream {
 public:
  /// Keeps `max_output` bytes of each output and drops the rest. `exchange` outlives this.
  OneShotStream(std::string input, uint64_t max_output, Exchange* exchange)
      : input_(std::move(input)),
        max_output_(max_output),
        exchange_(exchange),
        gone_(exchange->strand()) {}

  struct Collected {
    std::string data;
    bool truncated = false;
  };

  Collected& stdout_collected() { return stdout_; }
  Collected& stderr_collected() { return stderr_; }

  asio::awaitable<ClientInput> Read() override;
  asio::awaitable<Result<void>> KeepAlive() override;
  asio::awaitable<Result<void>> Write(Output output, std::string_view data) override;
  /// Its answer cannot be slow: it has not begun.
  void Abort() override { exchange_->StopWatching(); }

 private:
  enum class Next { kInput, kInputEnd, kClient };

  void Watch();

  const std::string input_;
  const uint64_t max_output_;
  Exchange* exchange_;
  Event gone_;  ///< also when it is not watched any more
  Next next_ = Next::kInput;
  Collected stdout_;
  Collected stderr_;
};

}  // namespace nsdebug
