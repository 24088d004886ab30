#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent/server/tls_stream.h"
#include "base/unique_fd.h"
#include "tests/fake_api_server/test_certificate.h"

// A client may send half of a handshake message and keep the rest: OpenSSL offers no way to do
// that, so the client here seals records of TLS 1.3 by itself (RFC 8446, 5.2, 5.3 and 7.3).

namespace nsdebug {
namespace {

using namespace boost::asio::experimental::awaitable_operators;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr const char* kCipher = "TLS_AES_128_GCM_SHA256";
constexpr size_t kKeyBytes = 16;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

constexpr std::chrono::seconds kPatience{20};

enum class Content : char { kHandshake = 22, kData = 23 };

std::string FromHexadecimal(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, /*base=*/16)));
  }
  return bytes;
}

/// HKDF-Expand-Label with an empty context.
std::string ExpandLabel(std::string secret, std::string label, size_t size) {
  const std::unique_ptr<EVP_KDF, void (*)(EVP_KDF*)> kdf(
      ::EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr), ::EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(::EVP_KDF_CTX_new(kdf.get()),
                                                                     ::EVP_KDF_CTX_free);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  std::string digest = "SHA256";
  std::string prefix = "tls13 ";
  const std::array parameters = {
      ::OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      ::OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
      ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label.data(), label.size()),
      ::OSSL_PARAM_construct_end()};
  std::string expanded(size, '\0');
  EXPECT_EQ(::EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(expanded.data()), size,
                             parameters.data()),
            1);
  return expanded;
}

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// A blocking client whose records, once it has shaken hands, are its own.
class Client {
 public:
  explicit Client(UniqueFd fd)
      : fd_(std::move(fd)),
        context_(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free),
        ssl_(nullptr, ::SSL_free) {
    ::SSL_CTX_set_ciphersuites(context_.get(), kCipher);
    ::SSL_CTX_set_keylog_callback(context_.get(), &TakeSecret);
    ssl_.reset(::SSL_new(context_.get()));
    SSL_set_app_data(ssl_.get(), &secret_);
    ::SSL_set_fd(ssl_.get(), fd_.get());
  }

  bool Handshake() { return ::SSL_connect(ssl_.get()) == 1 && !secret_.empty(); }

  std::string Seal(Content type, std::string content) {
    content.push_back(static_cast<char>(type));
    const size_t size = content.size() + kTagBytes;
    std::string header = {23, 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
    std::string key = ExpandLabel(secret_, "key", kKeyBytes);
    std::string nonce = ExpandLabel(secret_, "iv", kNonceBytes);
    nonce.back() = static_cast<char>(nonce.back() ^ sealed_++);
    const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> cipher(::EVP_CIPHER_CTX_new(),
                                                                            ::EVP_CIPHER_CTX_free);
    std::string sealed(content.size(), '\0');
    std::string tag(kTagBytes, '\0');
    int count = 0;
    ::EVP_EncryptInit_ex(cipher.get(), ::EVP_aes_128_gcm(), nullptr, Bytes(key), Bytes(nonce));
    ::EVP_EncryptUpdate(cipher.get(), nullptr, &count, Bytes(header),
                        static_cast<int>(header.size()));
    ::EVP_EncryptUpdate(cipher.get(), Bytes(sealed), &count, Bytes(content),
                        static_cast<int>(content.size()));
    ::EVP_EncryptFinal_ex(cipher.get(), nullptr, &count);
    ::EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data());
    return header + sealed + tag;
  }

  bool Send(const std::string& records) {
    return ::send(fd_.get(), records.data(), records.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(records.size());
  }

  std::string Read() {
    std::string data(1 << 10, '\0');
    size_t count = 0;
    if (::SSL_read_ex(ssl_.get(), data.data(), data.size(), &count) != 1) count = 0;
    data.resize(count);
    return data;
  }

 private:
  static void TakeSecret(const SSL* ssl, const char* line) {
    const std::string_view text(line);
    if (!text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) return;
    auto* secret = static_cast<std::string*>(SSL_get_app_data(ssl));
    *secret = FromHexadecimal(text.substr(text.rfind(' ') + 1));
  }

  UniqueFd fd_;
  std::string secret_;
  char sealed_ = 0;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

TEST(TlsHalfMessageTest, AWriteWaitsForTheOtherHalfAndDoesNotGoRound) {
  const TestCertificate certificate = TestCertificate::Ca("ca").IssueServer();
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(::SSL_CTX_new(::TLS_server_method()),
                                                             ::SSL_CTX_free);
  ASSERT_EQ(::SSL_CTX_use_certificate(context.get(), certificate.certificate()), 1);
  ASSERT_EQ(::SSL_CTX_use_PrivateKey(context.get(), certificate.key()), 1);
  ::SSL_CTX_set_num_tickets(context.get(), 0);
  asio::io_context loop;
  asio::ip::tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket connected(loop);
  connected.connect(acceptor.local_endpoint());
  auto client = std::make_unique<Client>(UniqueFd(connected.release()));
  std::optional<TlsStream> stream(std::in_place, acceptor.accept(asio::make_strand(loop)),
                                  context.get());

  std::promise<void> has_tried;
  std::string read;
  size_t written = 0;
  const auto read_once = [&]() -> asio::awaitable<void> {
    std::string piece(100, '\0');
    auto [error, count] = co_await stream->async_read_some(asio::buffer(piece), kAwait);
    read += piece.substr(0, count);
  };
  const auto write_once = [&]() -> asio::awaitable<void> {
    auto [error, count] = co_await stream->async_write_some(asio::buffer("answer", 6), kAwait);
    written = count;
  };
  const auto tell = [&]() -> asio::awaitable<void> {
    has_tried.set_value();
    co_return;
  };
  const auto serve = [&]() -> asio::awaitable<void> {
    (void)co_await stream->async_handshake(kAwait);
    co_await read_once();
    // The read finds the half message, and nothing can be written then. That one came back with
    // nothing written and no error, and its caller called it again, for ever.
    co_await (read_once() && write_once() && tell());
  };
  std::string answer;
  std::thread thread([&] {
    ASSERT_TRUE(client->Handshake());
    std::string records = client->Seal(Content::kData, "first");
    // KeyUpdate: its type, its length in three bytes, and, for later, update_requested. With less
    // OpenSSL does not begin to read it.
    records += client->Seal(Content::kHandshake, std::string("\x18\0\0\x01", 4));
    ASSERT_TRUE(client->Send(records));
    ASSERT_EQ(has_tried.get_future().wait_for(kPatience), std::future_status::ready);
    ASSERT_TRUE(client->Send(client->Seal(Content::kHandshake, "\x01")));
    answer = client->Read();
    client.reset();
  });
  asio::co_spawn(stream->get_executor(), serve, [&](const std::exception_ptr& error) {
    stream.reset();
    if (error) std::rethrow_exception(error);
  });
  loop.run();
  thread.join();
  EXPECT_EQ(read, "first");
  EXPECT_EQ(written, 6U);
  EXPECT_EQ(answer, "answer");
}

}  // namespace
}  // namespace nsdebug
