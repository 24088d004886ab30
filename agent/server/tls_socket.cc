#include "agent/server/tls_socket.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <new>
#include <utility>

namespace nsdebug {

namespace {

using boost::system::error_code;

// What answers to a peer that only asks for new keys, and takes nothing, may add up to.
constexpr size_t kMaxAnswerBytes = 32 << 10;
// Of the records of one write. They may add 22 bytes each in TLS 1.3, and 29 in 1.2.
constexpr size_t kMaxWriteBytes = TlsSocket::kMaxRecords * (TlsSocket::kRecordBytes + 64);

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
    : socket_(std::move(socket)),
      expiry_(socket_.get_executor()),
      output_(socket_.native_handle()),
      ssl_(::SSL_new(context)) {
  BIO* input = ::BIO_new_socket(socket_.native_handle(), BIO_NOCLOSE);
  BIO* output = output_.MakeBio();
  if (!ssl_ || input == nullptr || output == nullptr) {
    ::BIO_free(input);
    ::BIO_free(output);
    throw std::bad_alloc();
  }
  ::SSL_set0_rbio(ssl_.get(), input);
  ::SSL_set0_wbio(ssl_.get(), output);
  ::SSL_set_accept_state(ssl_.get());
  // An idle connection holds no buffers.
  ::SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
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

/// For what is not done before the peer can have it.
template <class Call>
TlsSocket::Attempt TlsSocket::TryAndFlush(Call call) {
  const Attempt attempt = Try(call);
  if (!socket_.is_open() || output_.waiting() == 0) return attempt;
  if (const error_code error = output_.Flush()) return {Next::kDone, error, 0};
  if (output_.waiting() > 0) return {Next::kWaitToWrite, {}, 0};
  return attempt;
}

TlsSocket::Attempt TlsSocket::Handshake() {
  return TryAndFlush([this](size_t*) { return ::SSL_do_handshake(ssl_.get()); });
}

TlsSocket::Attempt TlsSocket::Read(asio::mutable_buffer data) {
  const size_t allowed = kMaxAnswerBytes + (is_writing() ? kMaxWriteBytes : 0);
  if (socket_.is_open() && output_.waiting() > allowed) {
    if (const error_code error = output_.Flush()) return {Next::kDone, error, 0};
    if (output_.waiting() > allowed) return {Next::kWaitToWrite, {}, 0};
  }
  const size_t waited = output_.waiting();
  const Attempt attempt = Try(
      [&](size_t* count) { return ::SSL_read_ex(ssl_.get(), data.data(), data.size(), count); });
  // An answer, or an alert. What does not fit now goes with what is written next.
  if (output_.waiting() > waited && socket_.is_open()) (void)output_.Flush();
  return attempt;
}

TlsSocket::Attempt TlsSocket::Encrypt(asio::const_buffer data) {
  const Attempt attempt = Try(
      [&](size_t* count) { return ::SSL_write_ex(ssl_.get(), data.data(), data.size(), count); });
  encrypted_ += attempt.count;
  return attempt;
}

TlsSocket::Attempt TlsSocket::Flush() {
  Attempt attempt = TryAndFlush([](size_t*) { return 1; });
  if (attempt.next == Next::kDone) attempt.count = std::exchange(encrypted_, 0);
  return attempt;
}

TlsSocket::Attempt TlsSocket::Shutdown() {
  return TryAndFlush([this](size_t*) {
    const int sent = ::SSL_shutdown(ssl_.get());
    return sent == 0 ? ::SSL_shutdown(ssl_.get()) : sent;
  });
}

void TlsSocket::ExpireAfter(std::chrono::milliseconds time) {
  expires_ = Clock::now() + time;
  if (!looks_ || *looks_ > expires_) LookAt(expires_);
}

void TlsSocket::ExpireNever() { expires_ = Clock::time_point::max(); }

/// Each time the timer is set, threads that wait are woken; so it is left as it is where it goes
/// off early enough, and set anew then.
void TlsSocket::LookAt(Clock::time_point time) {
  looks_ = time;
  expiry_.expires_at(time);
  expiry_.async_wait([weak = weak_from_this()](const error_code& cancelled) {
    const std::shared_ptr<TlsSocket> self = weak.lock();
    if (!cancelled && self) self->Look();
  });
}

void TlsSocket::Look() {
  looks_.reset();
  if (expires_ == Clock::time_point::max()) return;
  if (expires_ > Clock::now()) return LookAt(expires_);
  expired_ = true;
  Close();
}

void TlsSocket::Close() {
  ExpireNever();
  expiry_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

error_code TlsSocket::abort_reason() const {
  if (expired_) return asio::error::timed_out;
  return asio::error::operation_aborted;
}

}  // namespace nsdebug
