#pragma once

#include <array>
#include <boost/asio/compose.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "agent/asio.h"
#include "agent/server/tls_socket.h"

namespace nsdebug {

/// The server's end of a TLS connection as a stream of Asio's and Beast's. Asio's own has two
/// buffers of 17 KiB and a pair of BIOs for each connection, however idle that is.
class TlsStream {
 public:
  using executor_type = asio::any_io_executor;

  TlsStream(asio::ip::tcp::socket socket, ssl_ctx_st* context)
      : socket_(TlsSocket::Make(std::move(socket), context)) {}
  TlsStream(TlsStream&&) = default;
  TlsStream& operator=(TlsStream&&) = delete;
  ~TlsStream() {
    if (socket_) socket_->Close();
  }

  executor_type get_executor() { return socket_->socket().get_executor(); }
  ssl_st* ssl() { return socket_->ssl(); }

  /// Ends every operation `time` from now, and the connection; until it is set again.
  void ExpireAfter(std::chrono::milliseconds time) { socket_->ExpireAfter(time); }
  void ExpireNever() { socket_->ExpireNever(); }
  void Close() { socket_->Close(); }

  template <class Token>
  auto async_handshake(Token&& token) {
    return Begin<void(Error)>([](TlsSocket* socket) { return socket->Handshake(); },
                              std::forward<Token>(token));
  }

  /// Sends the end, and waits for that of the client.
  template <class Token>
  auto async_shutdown(Token&& token) {
    return Begin<void(Error)>([](TlsSocket* socket) { return socket->Shutdown(); },
                              std::forward<Token>(token));
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return Begin<void(Error, size_t)>(
        [buffers](TlsSocket* socket) { return Read(socket, buffers); }, std::forward<Token>(token));
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return Begin<void(Error, size_t)>(
        [buffers](TlsSocket* socket) { return Write(socket, buffers); },
        std::forward<Token>(token));
  }

 private:
  using Error = boost::system::error_code;
  using Attempt = TlsSocket::Attempt;
  using Next = TlsSocket::Next;

  template <class Signature, class Try>
  class Operation;

  template <class Signature, class Try, class Token>
  auto Begin(Try attempt, Token&& token) {
    return asio::async_compose<Token, Signature>(
        Operation<Signature, Try>(socket_, std::move(attempt)), token, socket_->socket());
  }

  template <class Buffers>
  static Attempt Read(TlsSocket* socket, const Buffers& buffers) {
    const auto end = asio::buffer_sequence_end(buffers);
    for (auto next = asio::buffer_sequence_begin(buffers); next != end; ++next) {
      const asio::mutable_buffer buffer = *next;
      if (buffer.size() > 0) return socket->Read(buffer);
    }
    return {};
  }

  /// Several records at a time: to be called back for each costs as much as the record.
  template <class Buffers>
  static Attempt Write(TlsSocket* socket, const Buffers& buffers) {
    if (socket->is_writing()) return socket->Flush();
    boost::beast::buffers_suffix<Buffers> left(buffers);
    for (size_t i = 0; i < TlsSocket::kMaxRecords && asio::buffer_size(left) > 0; ++i) {
      const Attempt attempt = EncryptRecord(socket, left);
      if (attempt.error) return attempt;
      // A client that has sent half of a request for new keys: nothing is taken before the rest.
      if (attempt.next != Next::kDone) {
        if (!socket->is_writing()) return attempt;
        break;
      }
      left.consume(attempt.count);
    }
    return socket->Flush();
  }

  /// Header and payload of a frame, which come as buffers of their own, go together.
  template <class Buffers>
  static Attempt EncryptRecord(TlsSocket* socket, const Buffers& buffers) {
    std::array<char, TlsSocket::kRecordBytes> record;
    size_t size = 0;
    const auto end = asio::buffer_sequence_end(buffers);
    for (auto next = asio::buffer_sequence_begin(buffers); next != end; ++next) {
      const asio::const_buffer buffer = *next;
      if (size == 0 && buffer.size() >= record.size()) return socket->Encrypt(buffer);
      size += asio::buffer_copy(asio::buffer(record) + size, buffer);
      if (size == record.size()) break;
    }
    return socket->Encrypt(asio::buffer(record, size));
  }

  std::shared_ptr<TlsSocket> socket_;  ///< null when moved from
};

/// Tries until there is nothing to wait for.
template <class Signature, class Try>
class TlsStream::Operation {
 public:
  Operation(std::shared_ptr<TlsSocket> socket, Try attempt)
      : socket_(std::move(socket)), try_(std::move(attempt)) {}

  template <class Self>
  void operator()(Self& self, const Error& wait_failed = {}) {
    const bool starts = !std::exchange(started_, true);
    if (starts || last_.next != Next::kDone) {
      last_ = wait_failed || self.cancelled() != asio::cancellation_type::none
                  ? Attempt{Next::kDone, socket_->abort_reason(), 0}
                  : try_(socket_.get());
      if (last_.next != Next::kDone) return Wait(self);
      // Nobody is called back from inside the call that starts an operation.
      if (starts) return asio::post(socket_->socket().get_executor(), std::move(self));
    }
    Complete(self, static_cast<Signature*>(nullptr));
  }

 private:
  template <class Self>
  void Wait(Self& self) {
    using Socket = asio::ip::tcp::socket;
    const auto type = last_.next == Next::kWaitToRead ? Socket::wait_read : Socket::wait_write;
    Socket& socket = socket_->socket();
    socket.async_wait(type, std::move(self));
  }

  template <class Self>
  void Complete(Self& self, void (* /*signature*/)(Error)) {
    self.complete(last_.error);
  }
  template <class Self>
  void Complete(Self& self, void (* /*signature*/)(Error, size_t)) {
    self.complete(last_.error, last_.count);
  }

  std::shared_ptr<TlsSocket> socket_;
  Try try_;
  Attempt last_;
  bool started_ = false;
};

}  // namespace nsdebug
