#include "kubectl/exec/input_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

namespace nsdebug::kubectl {

namespace {

// kubectl's, and what servers of the protocol take without cutting it.
constexpr size_t kInputBytes = 32 << 10;

}  // namespace

InputReader::InputReader(int fd) : fd_(fd), stop_(::eventfd(0, EFD_CLOEXEC)) {}

InputReader::~InputReader() {
  Stop();
  thread_.join();
}

void InputReader::Stop() { (void)::eventfd_write(stop_.get(), 1); }

asio::awaitable<std::string> InputReader::Read() {
  // Without a cancellation slot: to cancel what runs on another thread is a race, and Stop() ends
  // it.
  co_return co_await asio::co_spawn(
      thread_, [this]() -> asio::awaitable<std::string> { co_return ReadBlocking(); },
      asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

std::string InputReader::ReadBlocking() const {
  std::array<pollfd, 2> watched = {{{fd_, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  std::string data(kInputBytes, '\0');
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[1].revents != 0) return {};
    const ssize_t count = ::read(fd_, data.data(), data.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    data.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return data;
  }
}

}  // namespace nsdebug::kubectl
