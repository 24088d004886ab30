#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "agent/asio.h"
#include "agent/server/tls_output.h"

struct ssl_ctx_st;
struct ssl_st;

namespace nsdebug {

/// A connected TCP socket and OpenSSL's server directly on its descriptor. Nothing here waits: what
/// would have to is to be tried again once the socket is ready. TlsStream does so.
///
/// Used on the strand of its socket; one Read and one Write may be under way at once. After a Write
/// that was given up the only thing left to do is to close.
class TlsSocket : public std::enable_shared_from_this<TlsSocket> {
 public:
  // The most of a TLS record.
  static constexpr size_t kRecordBytes = 16 << 10;
  // In one write: others on this thread wait meanwhile.
  static constexpr size_t kMaxRecords = 4;

  enum class Next { kDone, kWaitToRead, kWaitToWrite };

  /// What one try came to. A read may have to wait for room: for the answer to a peer that asks for
  /// new keys.
  struct Attempt {
    Next next = Next::kDone;
    boost::system::error_code error;
    size_t count = 0;
  };

  /// Shared by the stream and the operations that are under way when it goes.
  static std::shared_ptr<TlsSocket> Make(asio::ip::tcp::socket socket, ssl_ctx_st* context);

  Attempt Handshake();
  Attempt Read(asio::mutable_buffer data);
  /// Takes up to a record's worth of what a write has to send.
  Attempt Encrypt(asio::const_buffer data);
  /// Sends it together: each send wakes the peer. Done when the kernel has all of it; then it tells
  /// how much was taken.
  Attempt Flush();
  /// There is something to Flush(), whose first try left some of it.
  bool is_writing() const { return encrypted_ > 0; }
  /// Sends the end, and takes the peer's.
  Attempt Shutdown();

  /// Closes after `time`, unless it is told otherwise before.
  void ExpireAfter(std::chrono::milliseconds time);
  void ExpireNever();
  void Close();

  /// Why an operation did not come to its own end.
  boost::system::error_code abort_reason() const;

  asio::ip::tcp::socket& socket() { return socket_; }
  ssl_st* ssl() { return ssl_.get(); }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };

  TlsSocket(asio::ip::tcp::socket socket, ssl_ctx_st* context);

  using Clock = asio::steady_timer::clock_type;

  void LookAt(Clock::time_point time);
  void Look();
  template <class Call>
  Attempt Try(Call call);
  template <class Call>
  Attempt TryAndFlush(Call call);
  Attempt Failed(int result);

  asio::ip::tcp::socket socket_;
  Clock::time_point expires_ = Clock::time_point::max();
  asio::steady_timer expiry_;               ///< when to look whether that has come
  std::optional<Clock::time_point> looks_;  ///< what it is set to
  TlsOutput output_;
  std::unique_ptr<ssl_st, Free> ssl_;
  size_t encrypted_ = 0;  ///< of the write that is under way; its records wait in output_
  bool expired_ = false;
};

}  // namespace nsdebug
