#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "kubectl/transport/tcp_stream.h"
#include "kubectl/transport/tls_stream.h"
#include "tests/fake_api_server/test_certificate.h"

namespace nsdebug::kubectl {
namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::system::error_code;

// Records of TLS are 16 KiB at most.
constexpr size_t kSeveralRecords = 100'000;

/// Never the same at two places that a lost or doubled piece would bring together.
std::string Pattern(size_t size) {
  std::string data(size, '\0');
  uint32_t state = 1;
  for (char& byte : data) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return data;
}

class KubectlTlsStreamTest : public testing::Test {
 protected:
  KubectlTlsStreamTest()
      : acceptor_(loop_, {asio::ip::address_v4::loopback(), 0}),
        client_context_(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free),
        server_context_(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free) {
    ::signal(SIGPIPE, SIG_IGN);
    const TestCertificate certificate = TestCertificate::Ca("ca").IssueServer();
    ::SSL_CTX_use_certificate(server_context_.get(), certificate.certificate());
    ::SSL_CTX_use_PrivateKey(server_context_.get(), certificate.key());
  }

  /// Runs a client behind its handshake, and a blocking server behind its own.
  void Run(const std::function<asio::awaitable<void>(TlsStream&)>& client,
           const std::function<void(SSL*)>& server) {
    std::thread thread([&] {
      const UniqueFd fd(::accept(acceptor_.native_handle(), nullptr, nullptr));
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(::SSL_new(server_context_.get()), ::SSL_free);
      ::SSL_set_fd(ssl.get(), fd.get());
      ASSERT_EQ(::SSL_accept(ssl.get()), 1);
      server(ssl.get());
    });
    asio::co_spawn(
        loop_,
        [&]() -> asio::awaitable<void> {
          auto below = co_await ConnectTcp("127.0.0.1", acceptor_.local_endpoint().port(), 10s);
          TlsStream stream(std::move(*below), client_context_.get());
          const error_code error = co_await stream.Handshake();
          EXPECT_FALSE(error) << error.message();
          co_await client(stream);
          stream.Close();
        },
        [](const std::exception_ptr& error) {
          if (error) std::rethrow_exception(error);
        });
    loop_.run();
    thread.join();
  }

  static asio::awaitable<error_code> ReadAll(TlsStream* stream, std::string* received,
                                             size_t piece_size) {
    std::string piece(piece_size, '\0');
    for (;;) {
      const Transferred done = co_await stream->Read(asio::buffer(piece));
      if (done.error) co_return done.error;
      received->append(piece, 0, done.count);
      // What is there already comes the other way too.
      received->append(piece, 0, stream->ReadReady(asio::buffer(piece)));
    }
  }

  static asio::awaitable<void> WriteAll(TlsStream* stream, std::string_view data) {
    while (!data.empty()) {
      const Transferred done =
          co_await stream->Write(asio::buffer(data.substr(0, kSeveralRecords)));
      EXPECT_FALSE(done.error) << done.error.message();
      if (done.error) co_return;
      data.remove_prefix(done.count);
    }
  }

  static std::string ReadAll(SSL* ssl, size_t size) {
    std::string all(size, '\0');
    size_t had = 0;
    for (size_t count = 0; had < size; had += count) {
      if (::SSL_read_ex(ssl, all.data() + had, size - had, &count) != 1) break;
    }
    all.resize(had);
    return all;
  }

  static bool Write(SSL* ssl, std::string_view data) {
    size_t count = 0;
    return ::SSL_write_ex(ssl, data.data(), data.size(), &count) == 1;
  }

  asio::io_context loop_;
  asio::ip::tcp::acceptor acceptor_;
  std::shared_ptr<SSL_CTX> client_context_;
  std::shared_ptr<SSL_CTX> server_context_;
};

TEST_F(KubectlTlsStreamTest, CarriesBothDirectionsWhileKeysChange) {
  const std::string data = Pattern(3 << 20);
  std::string received;
  error_code ended;
  Run(
      [&](TlsStream& stream) -> asio::awaitable<void> {
        const auto read = [&]() -> asio::awaitable<void> {
          ended = co_await ReadAll(&stream, &received, 5000);
        };
        co_await (read() && WriteAll(&stream, data));
      },
      [&](SSL* ssl) {
        std::string_view left = data;
        std::string got;
        while (!left.empty()) {
          ::SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
          ASSERT_TRUE(Write(ssl, left.substr(0, kSeveralRecords)));
          left.remove_prefix(std::min(left.size(), kSeveralRecords));
          got += ReadAll(ssl, std::min(data.size() - got.size(), kSeveralRecords));
        }
        EXPECT_TRUE(got == data);
        ::SSL_shutdown(ssl);
      });
  EXPECT_TRUE(received == data);
  EXPECT_EQ(ended, asio::error::eof);
}

TEST_F(KubectlTlsStreamTest, TakesAConnectionThatIsCutForItsEnd) {
  std::string received;
  error_code ended;
  Run(
      [&](TlsStream& stream) -> asio::awaitable<void> {
        ended = co_await ReadAll(&stream, &received, kSeveralRecords);
      },
      [&](SSL* ssl) { ASSERT_TRUE(Write(ssl, "the last word")); });
  EXPECT_EQ(received, "the last word");
  EXPECT_EQ(ended, asio::error::eof);
}

TEST_F(KubectlTlsStreamTest, TellsWhatIsNoRecordAfterWhatWasOne) {
  std::string received;
  error_code ended;
  Run(
      [&](TlsStream& stream) -> asio::awaitable<void> {
        ended = co_await ReadAll(&stream, &received, kSeveralRecords);
      },
      [&](SSL* ssl) {
        ASSERT_TRUE(Write(ssl, "good"));
        constexpr std::string_view kBad("\x17\x03\x03\x00\x05wrong", 10);
        ASSERT_EQ(::write(::SSL_get_fd(ssl), kBad.data(), kBad.size()), ssize_t{kBad.size()});
      });
  EXPECT_EQ(received, "good");
  EXPECT_EQ(ended.category(), asio::error::get_ssl_category()) << ended.message();
}

TEST_F(KubectlTlsStreamTest, LeavesAServerThatOnlyAsksForNewKeys) {
  std::string received;
  error_code ended;
  Run(
      [&](TlsStream& stream) -> asio::awaitable<void> {
        ended = co_await ReadAll(&stream, &received, kSeveralRecords);
      },
      [&](SSL* ssl) {
        constexpr int kMany = 200'000;
        int asked = 0;
        do {
          ::SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        } while (Write(ssl, "x") && ++asked < kMany);
        EXPECT_LT(asked, kMany);
      });
  EXPECT_EQ(ended, asio::error::no_buffer_space);
}

TEST_F(KubectlTlsStreamTest, SaysThatNothingMoreComes) {
  Run([](TlsStream& stream) -> asio::awaitable<void> { co_await stream.Shutdown(); },
      [](SSL* ssl) {
        char data = 0;
        const int result = ::SSL_read(ssl, &data, 1);
        EXPECT_EQ(::SSL_get_error(ssl, result), SSL_ERROR_ZERO_RETURN);
      });
}

}  // namespace
}  // namespace nsdebug::kubectl
