#include "kubectl/exec/keep_alive.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;

// A path that died without a word is noticed within kMaxSilence and kTick. Of the pings, one each
// kTick, load balancers on the way see that the connection is in use.
constexpr std::chrono::seconds kTick{10};
constexpr std::chrono::seconds kMaxSilence{40};
// Of input: less than what a terminal keeps for a command that does not read.
constexpr uint64_t kMaxUnanswered = 2048;

}  // namespace

KeepAlive::KeepAlive(WebSocketStream* socket) : socket_(socket) {
  // Answers to pings are seen by whoever reads.
  socket_->control_callback([this](websocket::frame_type kind, boost::beast::string_view payload) {
    silent_ticks_ = 0;
    if (kind != websocket::frame_type::pong) return;
    std::from_chars(payload.data(), payload.data() + payload.size(), answered_);
  });
}

void KeepAlive::BeginListening() {
  is_listening_ = true;
  silent_ticks_ = 0;
}

asio::awaitable<void> KeepAlive::Run(std::function<asio::awaitable<void>()> ping) {
  asio::steady_timer timer(socket_->get_executor());
  while (!IsSilentTooLong()) {
    timer.expires_after(kTick);
    auto [cancelled] = co_await timer.async_wait(kAwait);
    if (cancelled) co_return;
    // Not by the clock: what keeps us from reading keeps the ticks from coming, too.
    ++silent_ticks_;
    co_await ping();
  }
  is_silent_ = true;
  socket_->next_layer().stream().Close();
  // The reading side tells.
  timer.expires_at(asio::steady_timer::time_point::max());
  (void)co_await timer.async_wait(kAwait);
}

asio::awaitable<void> KeepAlive::Ping() {
  const std::string payload = std::to_string(sent_);
  // That it failed, the reading side finds out.
  (void)co_await socket_->async_ping(websocket::ping_data(payload), kAwait);
}

bool KeepAlive::IsSilentTooLong() const {
  const bool can_answer = sent_ - answered_ <= kMaxUnanswered;
  return is_listening_ && can_answer && silent_ticks_ > kMaxSilence / kTick;
}

std::string KeepAlive::WhyLost(const boost::system::error_code& error) const {
  constexpr std::string_view kLost = "the connection to the agent was lost: ";
  if (is_silent_) return fmt::format("{}no sign of life for {} s", kLost, kMaxSilence.count());
  const std::string reason = socket_->next_layer().stream().Reason();
  return std::string(kLost) + (reason.empty() ? error.message() : reason);
}

}  // namespace nsdebug::kubectl
