#include "docker/request.h"

#include <fmt/format.h>
#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/unique_fd.h"

namespace nsdebug::docker {

namespace {

using Clock = std::chrono::steady_clock;

// The library wants a port even where the address is the path of a socket.
constexpr int kUnusedPort = 80;
constexpr size_t kReadBufferBytes = 4096;

Failure ConnectFailure(const EngineOptions& options, int error_number) {
  std::string operation = "connect to the engine at " + options.socket_path;
  // unix(7): a connect(2) that has waited for room in the listener's queue for the socket's send
  // timeout ends with EAGAIN.
  if (error_number == EAGAIN) {
    return Fail(Code::kUnavailable,
                fmt::format("{}: its queue of connections stayed full for {} ms: the engine hangs, "
                            "restart it",
                            operation, options.connect_timeout.count()));
  }
  std::string_view advice;
  if (error_number == ENOENT) {
    advice = ": start Docker or Podman's API service, or name its socket with --docker-host";
  } else if (error_number == EACCES) {
    advice = ": run as root or as a member of the socket's group";
  } else if (error_number == ECONNREFUSED) {
    advice = ": nothing listens there: start the engine";
  }
  return Fail(CodeOf(error_number),
              fmt::format("{}: {}{}", operation, ErrnoText(error_number), advice));
}

Result<UniqueFd> Connect(const EngineOptions& options) {
  const std::string& path = options.socket_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ConnectFailure(options, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ConnectFailure(options, errno);
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options.connect_timeout);
  std::chrono::microseconds rest = options.connect_timeout - seconds;
  timeval timeout{.tv_sec = seconds.count(), .tv_usec = rest.count()};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0 ||
      ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return ConnectFailure(options, errno);
  }
  return socket;
}

// A connection with a deadline and a budget for all that is read. The library's own timeout starts
// anew with every byte, and it reads a head of any length: a peer that drips or floods would hold
// us for ever or take all memory.
class BoundedStream : public httplib::Stream {
 public:
  BoundedStream(int socket, Clock::time_point deadline) : socket_(socket), deadline_(deadline) {}

  using httplib::Stream::write;

  bool is_readable() const override { return Poll(POLLIN, 0); }
  bool is_writable() const override { return Poll(POLLOUT, 0); }
  socket_t socket() const override { return socket_; }
  void get_remote_ip_and_port(std::string& ip, int& port) const override { NoAddress(ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { NoAddress(ip, port); }

  ssize_t read(char* data, size_t size) override {
    if (buffered_.empty()) {
      ssize_t filled = Fill();
      if (filled <= 0) return filled;
    }
    size_t taken = std::min(size, buffered_.size());
    std::memcpy(data, buffered_.data(), taken);
    buffered_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* data, size_t size) override {
    if (!WaitFor(POLLOUT)) return -1;
    return ::send(socket_, data, size, MSG_NOSIGNAL);
  }

  bool is_expired() const { return is_expired_; }
  bool is_too_long() const { return is_too_long_; }

 private:
  static void NoAddress(std::string& ip, int& port) {
    ip.clear();
    port = 0;
  }

  ssize_t Fill() {
    if (!WaitFor(POLLIN)) return -1;
    ssize_t size = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) return size;
    total_ += static_cast<size_t>(size);
    is_too_long_ = total_ > kMaxAnswerBytes;
    if (is_too_long_) return -1;
    buffered_ = std::string_view(buffer_.data(), static_cast<size_t>(size));
    return size;
  }

  bool Poll(short events, int timeout_ms) const {
    pollfd waiting{socket_, events, 0};
    return ::poll(&waiting, 1, timeout_ms) > 0;
  }

  bool WaitFor(short events) {
    for (;;) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
      is_expired_ = left.count() <= 0;
      if (is_expired_) return false;
      if (Poll(events, static_cast<int>(left.count()))) return true;
    }
  }

  int socket_;
  Clock::time_point deadline_;
  std::array<char, kReadBufferBytes> buffer_;
  std::string_view buffered_;  // the part of buffer_ that was not taken yet
  size_t total_ = 0;
  bool is_expired_ = false;
  bool is_too_long_ = false;
};

// The library's client on a connection that we make and bound. Both functions are where its own TLS
// client differs from the plain one; ours keep the errno that it would swallow.
class BoundedClient : public httplib::ClientImpl {
 public:
  explicit BoundedClient(const EngineOptions& options)
      : ClientImpl(options.socket_path, kUnusedPort), options_(options) {
    // Left to itself the library sends the socket's path as Host, which Go's server answers with
    // 400, and offers compression, which would get around the budget.
    set_default_headers(
        {{"Host", "localhost"}, {"Accept", "application/json"}, {"Accept-Encoding", "identity"}});
    set_decompress(false);
  }

  // Why the last request failed, if it was for one of our reasons.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    Result<UniqueFd> connected = Connect(options_);
    if (!connected) {
      failure_ = connected.error();
      error = httplib::Error::Connection;
      return false;
    }
    socket.sock = connected->Release();  // the library closes it
    return true;
  }

  bool process_socket(const Socket& socket,
                      std::function<bool(httplib::Stream& stream)> exchange) override {
    BoundedStream stream(socket.sock, Clock::now() + options_.answer_timeout);
    bool is_done = exchange(stream);
    if (stream.is_expired()) {
      failure_ = Error{Code::kDeadlineExceeded,
                       fmt::format("ask the engine at {}: no whole answer within {} ms: the engine "
                                   "hangs or is overloaded",
                                   options_.socket_path, options_.answer_timeout.count())};
    } else if (stream.is_too_long()) {
      failure_ = Error{Code::kResourceExhausted,
                       fmt::format("ask the engine at {}: its answer is longer than {} bytes",
                                   options_.socket_path, kMaxAnswerBytes)};
    }
    return is_done;
  }

  const EngineOptions& options_;
  std::optional<Error> failure_;
};

Result<Answer> Fetch(const EngineOptions& options, const std::string& target) {
  BoundedClient client(options);
  Answer answer;
  httplib::Result result = client.Get(target, [&answer](const char* data, size_t size) {
    answer.body.append(data, size);
    return true;
  });
  // Ours first: the library only knows that a read failed.
  if (client.failure()) return Propagate(*client.failure());
  if (!result) {
    return Fail(
        Code::kInternal,
        fmt::format("ask the engine at {}: it closed the connection without an HTTP answer: "
                    "is this the socket of a Docker Engine?",
                    options.socket_path));
  }
  answer.status = result->status;
  answer.is_podman = result->has_header("Libpod-Api-Version");
  return answer;
}

}  // namespace

Result<Answer> FetchAnswer(const EngineOptions& options, const std::string& target) {
  // The library throws where it reads a head, as std::stoul and std::regex do.
  try {
    return Fetch(options, target);
  } catch (const std::exception& exception) {
    return Fail(Code::kInternal, fmt::format("ask the engine at {}: {}", options.socket_path,
                                             Printable(exception.what())));
  }
}

}  // namespace nsdebug::docker
