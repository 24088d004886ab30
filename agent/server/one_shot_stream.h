#pragma once

#include <cstdint>
#include <string>

#include "agent/server/exchange.h"

namespace nsdebug {

/// The client of a one-shot exec: its input came whole with the request, its output is collected.
class OneShotStream final : public ClientStream {
 public:
  /// Keeps `max_output` bytes of each output and drops the rest. `exchange` outlives this.
  OneShotStream(std::string input, uint64_t max_output, Exchange* exchange)
      : input_(std::move(input)), max_output_(max_output), exchange_(exchange) {}

  struct Collected {
    std::string data;
    bool truncated = false;
  };

  const Collected& stdout_collected() const { return stdout_; }
  const Collected& stderr_collected() const { return stderr_; }

  asio::awaitable<ClientInput> Read() override;
  asio::awaitable<Result<void>> KeepAlive() override { co_return Result<void>(); }
  asio::awaitable<Result<void>> Write(Output output, std::string_view data) override;
  /// Its answer cannot be slow: it has not begun.
  void Abort() override { exchange_->StopWatching(); }

 private:
  enum class Next { kInput, kInputEnd, kClient };

  const std::string input_;
  const uint64_t max_output_;
  Exchange* exchange_;
  Next next_ = Next::kInput;
  Collected stdout_;
  Collected stderr_;
};

}  // namespace nsdebug
