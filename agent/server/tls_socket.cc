#include "agent/server/tls_socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <new>
#include <utility>

namespace nsdebug {

namespace {

using boost::system::error_code;

/// After SSL_ERROR_SSL.
error_code ProtocolError() {
  const unsigned long code = ::ERR_peek_last_error();
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return asio::ssl::error::stream_truncated;
  }
  return {static_cast<int>(code), asio::error::get_ssl_category()};
}

}  // namespace

void TlsSocket::Free::operator()(SSL* ssl) const { ::SSL_free(ssl); }

std::shared_ptr<TlsSocket> TlsSocket::Make(asio::ip::tcp::socket socket, SSL_CTX* context) {
  return std::shared_ptr<TlsSocket>(new TlsSocket(std::move(socket), context));
}

TlsSocket::TlsSocket(asio::ip::tcp::socket socket, SSL_CTX* context)
    : socket_(std::move(socket)), expiry_(socket_.get_executor()), ssl_(::SSL_new(context)) {
  if (!ssl_ || ::SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) throw std::bad_alloc();
  ::SSL_set_accept_state(ssl_.get());
  // An idle connection holds no buffers. What is written may be given again from elsewhere, and is
  // reported record by record.
  ::SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  boost::system::error_code ignored;  // a socket that is closed already shows so in the first try
  socket_.native_non_blocking(true, ignored);
}

template <class Call>
TlsSocket::Attempt TlsSocket::Try(Call call) {
  // OpenSSL knows the descriptor by its number, which once closed may be another connection's.
  if (!socket_.is_open()) return {Next::kDone, abort_reason(), 0};
  // SSL_get_error() looks at the thread's queue, where others leave theirs.
  ::ERR_clear_error();
  errno = 0;
  size_t count = 0;
  const int result = call(&count);
  if (result > 0) return {Next::kDone, {}, count};
  return Failed(result);
}

TlsSocket::Attempt TlsSocket::Failed(int result) {
  const int saved = errno;
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Next::kWaitToRead, {}, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Next::kWaitToWrite, {}, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Next::kDone, asio::error::eof, 0};
    case SSL_ERROR_SSL:
      return {Next::kDone, ProtocolError(), 0};
    default:
      break;
  }
  if (saved == 0) return {Next::kDone, asio::ssl::error::stream_truncated, 0};
  return {Next::kDone, error_code(saved, boost::system::system_category()), 0};
}

TlsSocket::Attempt TlsSocket::Handshake() {
  return Try([this](size_t*) { return ::SSL_do_handshake(ssl_.get()); });
}

TlsSocket::Attempt TlsSocket::Read(asio::mutable_buffer data) {
  return Try(
      [&](size_t* count) { return ::SSL_read_ex(ssl_.get(), data.data(), data.size(), count); });
}

TlsSocket::Attempt TlsSocket::Write(asio::const_buffer data) {
  return Try(
      [&](size_t* count) { return ::SSL_write_ex(ssl_.get(), data.data(), data.size(), count); });
}

TlsSocket::Attempt TlsSocket::Shutdown() {
  return Try([this](size_t*) {
    const int sent = ::SSL_shutdown(ssl_.get());
    return sent == 0 ? ::SSL_shutdown(ssl_.get()) : sent;
  });
}

void TlsSocket::ExpireAfter(std::chrono::milliseconds time) {
  expiry_.expires_after(time);
  expiry_.async_wait([weak = weak_from_this()](const error_code& cancelled) {
    const std::shared_ptr<TlsSocket> self = weak.lock();
    if (cancelled || !self) return;
    // Set again after this was on its way.
    if (self->expiry_.expiry() > asio::steady_timer::clock_type::now()) return;
    self->expired_ = true;
    self->Close();
  });
}

void TlsSocket::ExpireNever() { expiry_.expires_at(asio::steady_timer::time_point::max()); }

void TlsSocket::Close() {
  ExpireNever();
  error_code ignored;
  socket_.close(ignored);
}

error_code TlsSocket::abort_reason() const {
  if (expired_) return asio::error::timed_out;
  return asio::error::operation_aborted;
}

}  // namespace nsdebug
