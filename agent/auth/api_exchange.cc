#include "agent/auth/api_exchange.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <string_view>
#include <utility>

namespace nsdebug {

namespace {

using Clock = TlsConnection::Clock;

constexpr size_t kReadBufferBytes = 4096;

// The library's own client has a time limit for each byte and none for a call, and reads a head of
// any length. So it gets a stream of ours, with a deadline and a budget for all that is read, on a
// connection of ours.
class BoundedStream : public httplib::Stream {
 public:
  BoundedStream(TlsConnection& connection, Clock::time_point deadline)
      : connection_(connection), deadline_(deadline) {}

  using httplib::Stream::write;

  // The library asks before it reads and writes; ours wait where they are called.
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  socket_t socket() const override { return connection_.fd(); }
  void get_remote_ip_and_port(std::string& ip, int& port) const override { NoAddress(ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { NoAddress(ip, port); }

  ssize_t read(char* data, size_t size) override {
    if (buffered_.empty() && !Fill()) return is_too_long() || count_ < 0 ? -1 : 0;
    size_t taken = std::min(size, buffered_.size());
    std::memcpy(data, buffered_.data(), taken);
    buffered_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* data, size_t size) override {
    ssize_t count = connection_.Write(data, size, deadline_);
    if (count <= 0) is_broken_ = true;
    return count;
  }

  bool has_rest() const { return !buffered_.empty(); }  // more came than the answer
  bool has_answer() const { return total_ > 0; }
  bool is_too_long() const { return total_ > kMaxApiAnswerBytes; }
  bool is_broken() const { return is_broken_; }  // closed, reset or past the deadline

 private:
  // The library reads a head byte by byte.
  bool Fill() {
    count_ = connection_.Read(buffer_.data(), buffer_.size(), deadline_);
    is_broken_ = count_ <= 0;
    if (is_broken_) return false;
    total_ += static_cast<size_t>(count_);
    if (is_too_long()) return false;
    buffered_ = std::string_view(buffer_.data(), static_cast<size_t>(count_));
    return true;
  }

  static void NoAddress(std::string& ip, int& port) {
    ip.clear();
    port = 0;
  }

  TlsConnection& connection_;
  Clock::time_point deadline_;
  std::array<char, kReadBufferBytes> buffer_;
  std::string_view buffered_;  // the part of buffer_ that was not taken yet
  ssize_t count_ = 0;          // of the last reading
  size_t total_ = 0;
  bool is_broken_ = false;
};

// One exchange. The library is not told of our socket: it would shut it down when it is done.
class Exchange : public httplib::ClientImpl {
 public:
  explicit Exchange(BoundedStream& stream) : ClientImpl("unused", 0), stream_(stream) {
    set_keep_alive(true);
    set_decompress(false);
  }

 private:
  bool create_and_connect_socket(Socket& /*socket*/, httplib::Error& /*error*/) override {
    return true;
  }
  bool process_socket(const Socket& /*socket*/,
                      std::function<bool(httplib::Stream& stream)> exchange) override {
    return exchange(stream_);
  }

  BoundedStream& stream_;
};

httplib::Request MakeRequest(const ApiRequest& from, ApiAnswer& answer) {
  httplib::Request request;
  request.method = from.method;
  request.path = from.target;
  request.headers = {{"Host", from.authority},
                     {"Accept", "application/json"},
                     // Compression would get around the budget.
                     {"Accept-Encoding", "identity"},
                     {"User-Agent", "ns-debug-agent/" NS_DEBUG_VERSION},
                     {"Authorization", "Bearer " + from.token}};
  if (!from.json_body.empty()) request.headers.emplace("Content-Type", "application/json");
  request.body = from.json_body;
  request.content_receiver = [&answer](const char* data, size_t size, uint64_t, uint64_t) {
    answer.body.append(data, size);
    return true;
  };
  return request;
}

// Why there is no answer; nullopt when the peer closed the connection in place of one.
Result<std::optional<ApiAnswer>> FaultOf(const BoundedStream& stream,
                                         const TlsConnection& connection) {
  if (stream.is_too_long()) {
    return Fail(Code::kInternal,
                fmt::format("its answer is longer than {} bytes", kMaxApiAnswerBytes));
  }
  if (connection.has_expired()) {
    return Fail(Code::kDeadlineExceeded, "no whole answer in time");
  }
  if (!stream.has_answer()) return std::nullopt;
  if (stream.is_broken()) return Fail(Code::kUnavailable, "it broke the connection off");
  return Fail(Code::kInternal, "its answer is not HTTP");
}

}  // namespace

Result<std::optional<ApiAnswer>> ExchangeOn(std::unique_ptr<TlsConnection>& connection,
                                            const ApiRequest& request, Clock::time_point deadline) {
  std::unique_ptr<TlsConnection> used = std::move(connection);
  BoundedStream stream(*used, deadline);
  // The library throws where it reads a head, as std::stoul and std::regex do. What the exception
  // says may be a part of the answer.
  try {
    ApiAnswer answer;
    httplib::Result result = Exchange(stream).send(MakeRequest(request, answer));
    if (!result) return FaultOf(stream, *used);
    answer.status = result->status;
    // HTTP/1.0 keeps no connection, and in HTTP/1.1 the header says "close" or nothing of use.
    bool is_kept =
        result->version == "HTTP/1.1" && !result->has_header("Connection") && !stream.has_rest();
    if (is_kept) connection = std::move(used);
    return answer;
  } catch (const std::exception&) {
    return Fail(Code::kInternal, "its answer is not HTTP");
  }
}

}  // namespace nsdebug
