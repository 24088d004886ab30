#include "kubectl/transport/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/ssl/error.hpp>
#include <new>
#include <string_view>
#include <utility>

namespace nsdebug::kubectl {

namespace {

using boost::system::error_code;

// What is taken from below at a time: a record, and several once they come faster than that.
constexpr size_t kMinReceivedBytes = 17 << 10;
constexpr size_t kMaxReceivedBytes = 128 << 10;

// What answers to a server that only asks for new keys may add up to until something is sent.
constexpr size_t kMaxAnswerBytes = 32 << 10;

// Of what still comes when nobody wants it any more, at a time.
constexpr size_t kDroppedBytes = 4 << 10;

/// Why a call into OpenSSL did not succeed; none when it only wants more input.
error_code FailureOf(SSL* ssl, int result) {
  switch (::SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    case SSL_ERROR_SSL:
      return {static_cast<int>(::ERR_peek_last_error()), asio::error::get_ssl_category()};
    default:
      return asio::ssl::error::unexpected_result;
  }
}

/// Input that ends for now with these bytes, which are not copied. May be empty.
void SetInput(SSL* ssl, const char* data, size_t size) {
  BIO* input = ::BIO_new_mem_buf(data, static_cast<int>(size));
  if (input == nullptr) throw std::bad_alloc();
  BIO_set_mem_eof_return(input, -1);
  ::SSL_set0_rbio(ssl, input);
}

}  // namespace

void TlsStream::Free::operator()(SSL* ssl) const { ::SSL_free(ssl); }

TlsStream::TlsStream(std::unique_ptr<ByteStream> below, SSL_CTX* context)
    : below_(std::move(below)), ssl_(::SSL_new(context)) {
  BIO* output = ::BIO_new(::BIO_s_mem());
  if (!ssl_ || output == nullptr) {
    ::BIO_free(output);
    throw std::bad_alloc();
  }
  ::SSL_set0_wbio(ssl_.get(), output);
  SetInput(ssl_.get(), "", 0);
  ::SSL_set_connect_state(ssl_.get());
  // A write would have to wait for what is read.
  ::SSL_set_options(ssl_.get(), SSL_OP_NO_RENEGOTIATION);
}

asio::awaitable<error_code> TlsStream::Handshake() {
  for (;;) {
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(ssl_.get());
    const error_code failed = result > 0 ? error_code() : FailureOf(ssl_.get(), result);
    // Also the alert that tells the server why it goes no further.
    const error_code unsent = co_await Send();
    if (failed) co_return failed;
    if (unsent || result > 0) co_return unsent;
    const error_code unreceived = co_await Receive();
    if (unreceived == asio::error::eof) co_return asio::ssl::error::stream_truncated;
    if (unreceived) co_return unreceived;
  }
}

asio::awaitable<Transferred> TlsStream::Read(asio::mutable_buffer buffer) {
  for (;;) {
    const Transferred decrypted = Decrypt(buffer);
    if (decrypted.error || decrypted.count > 0) co_return decrypted;
    // A server that closes without a word of TLS is common; what it sent is checked by who reads.
    const error_code failed = co_await Receive();
    if (failed) co_return Transferred{failed, 0};
  }
}

/// All records that are there whole, as far as there is room.
Transferred TlsStream::Decrypt(asio::mutable_buffer buffer) {
  Transferred done;
  while (!failed_ && done.count < buffer.size()) {
    const asio::mutable_buffer rest = buffer + done.count;
    ::ERR_clear_error();
    size_t count = 0;
    const int result = ::SSL_read_ex(ssl_.get(), rest.data(), rest.size(), &count);
    done.count += count;
    if (result > 0) continue;
    failed_ = FailureOf(ssl_.get(), result);
    if (!failed_ && ::BIO_ctrl_pending(::SSL_get_wbio(ssl_.get())) > kMaxAnswerBytes) {
      failed_ = asio::error::no_buffer_space;
    }
    break;
  }
  if (done.count == 0) done.error = failed_;
  return done;
}

asio::awaitable<Transferred> TlsStream::Write(asio::const_buffer buffer) {
  ::ERR_clear_error();
  size_t count = 0;
  const int result = ::SSL_write_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
  if (result <= 0) {
    const error_code failed = FailureOf(ssl_.get(), result);
    co_return Transferred{failed ? failed : asio::ssl::error::unexpected_result, 0};
  }
  const error_code unsent = co_await Send();
  co_return Transferred{unsent, unsent ? 0 : count};
}

asio::awaitable<void> TlsStream::Shutdown() {
  ::ERR_clear_error();
  ::SSL_shutdown(ssl_.get());
  (void)co_await Send();
  // Closing with bytes unread resets the connection, and what we have sent may be lost with it.
  std::array<char, kDroppedBytes> dropped;
  for (Transferred done; !done.error;) done = co_await Read(asio::buffer(dropped));
}

/// More input; the last has been read to its end.
asio::awaitable<error_code> TlsStream::Receive() {
  if (received_.empty()) received_.resize(kMinReceivedBytes);
  if (was_filled_) received_.resize(kMaxReceivedBytes);
  const Transferred done = co_await below_->Read(asio::buffer(received_));
  if (done.error) co_return done.error;
  was_filled_ = done.count == received_.size();
  SetInput(ssl_.get(), received_.data(), done.count);
  co_return error_code();
}

/// What OpenSSL has to say. Another read may add to it meanwhile.
asio::awaitable<error_code> TlsStream::Send() {
  BIO* const output = ::SSL_get_wbio(ssl_.get());
  for (;;) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(output, &data);
    if (size <= 0) co_return error_code();
    to_send_.assign(data, static_cast<size_t>(size));
    (void)BIO_reset(output);
    std::string_view left = to_send_;
    while (!left.empty()) {
      const Transferred done = co_await below_->Write(asio::buffer(left));
      if (done.error) co_return done.error;
      left.remove_prefix(done.count);
    }
  }
}

}  // namespace nsdebug::kubectl
