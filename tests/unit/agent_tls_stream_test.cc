#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent/server/tls_stream.h"
#include "base/unique_fd.h"
#include "tests/fake_api_server/test_certificate.h"

namespace nsdebug {
namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

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

/// A blocking TLS client.
class Client {
 public:
  explicit Client(UniqueFd fd)
      : fd_(std::move(fd)),
        context_(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free),
        ssl_(::SSL_new(context_.get()), ::SSL_free) {
    ::SSL_set_fd(ssl_.get(), fd_.get());
    ::SSL_set_msg_callback(ssl_.get(), &CountNewKeys);
    ::SSL_set_msg_callback_arg(ssl_.get(), &new_keys_);
  }

  bool Handshake() { return ::SSL_connect(ssl_.get()) == 1; }
  void AskForNewKeys() { ::SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED); }
  bool Write(std::string_view data) {
    size_t count = 0;
    return ::SSL_write_ex(ssl_.get(), data.data(), data.size(), &count) == 1;
  }
  /// What one record holds; empty at the end.
  std::string Read() {
    std::string data(16 << 10, '\0');
    size_t count = 0;
    if (::SSL_read_ex(ssl_.get(), data.data(), data.size(), &count) != 1) count = 0;
    data.resize(count);
    return data;
  }
  void End() { ::SSL_shutdown(ssl_.get()); }
  int fd() const { return fd_.get(); }
  /// How often the server has changed its own.
  int new_keys() const { return new_keys_; }

 private:
  static void CountNewKeys(int is_sent, int /*version*/, int type, const void* data, size_t size,
                           SSL* /*ssl*/, void* count) {
    if (is_sent == 0 && type == SSL3_RT_HANDSHAKE && size > 0 &&
        *static_cast<const unsigned char*>(data) == SSL3_MT_KEY_UPDATE) {
      ++*static_cast<int*>(count);
    }
  }

  int new_keys_ = 0;
  UniqueFd fd_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

class TlsStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    const TestCertificate certificate = TestCertificate::Ca("ca").IssueServer();
    context_.reset(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
    ASSERT_EQ(::SSL_CTX_use_certificate(context_.get(), certificate.certificate()), 1);
    ASSERT_EQ(::SSL_CTX_use_PrivateKey(context_.get(), certificate.key()), 1);
    ::SSL_CTX_set_num_tickets(context_.get(), 0);

    asio::ip::tcp::acceptor acceptor(loop_, {asio::ip::address_v4::loopback(), 0});
    asio::ip::tcp::socket connected(loop_);
    connected.connect(acceptor.local_endpoint());
    client_ = std::make_unique<Client>(UniqueFd(connected.release()));
    stream_.emplace(acceptor.accept(asio::make_strand(loop_)), context_.get());
  }

  /// Runs both ends to their own ends.
  void Run(asio::awaitable<void> server, const std::function<void()>& client) {
    std::thread thread(client);
    asio::co_spawn(stream_->get_executor(), std::move(server),
                   [&](const std::exception_ptr& error) {
                     stream_.reset();  // so that the client ends too, whatever it waits for
                     if (error) std::rethrow_exception(error);
                   });
    loop_.run();
    thread.join();
  }

  asio::awaitable<error_code> Handshake() {
    auto [error] = co_await stream_->async_handshake(kAwait);
    co_return error;
  }

  asio::awaitable<error_code> ReadOnce() {
    char data[64];
    auto [error, count] = co_await stream_->async_read_some(asio::buffer(data), kAwait);
    co_return error;
  }

  /// What comes until it ends.
  asio::awaitable<void> ReadAll(std::string* received, error_code* ended) {
    std::string piece(5000, '\0');
    while (!*ended) {
      auto [error, count] = co_await stream_->async_read_some(asio::buffer(piece), kAwait);
      received->append(piece, 0, count);
      *ended = error;
    }
  }

  /// In pieces of more and of less than a record, each of two buffers.
  asio::awaitable<void> WriteAll(std::string_view data) {
    for (size_t size = 1; !data.empty(); size = size * 3 % 50'021) {
      const std::string_view piece = data.substr(0, size);
      data.remove_prefix(piece.size());
      const std::array<asio::const_buffer, 2> buffers = {
          asio::buffer(piece.substr(0, piece.size() / 2)),
          asio::buffer(piece.substr(piece.size() / 2))};
      auto [error, count] = co_await asio::async_write(*stream_, buffers, kAwait);
      EXPECT_FALSE(error) << error.message();
      EXPECT_EQ(count, piece.size());
      if (error) co_return;
    }
  }

  asio::io_context loop_;
  std::shared_ptr<SSL_CTX> context_;
  std::optional<TlsStream> stream_;
  std::unique_ptr<Client> client_;
};

TEST_F(TlsStreamTest, CarriesBothDirectionsThroughSlowReadersAndNewKeys) {
  // Every other record finds the socket full.
  constexpr int kSmall = 16 << 10;
  ::setsockopt(client_->fd(), SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof(kSmall));
  ::setsockopt(::SSL_get_fd(stream_->ssl()), SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof(kSmall));
  const std::string output = Pattern(1 << 20);
  const std::string input = output.substr(12345, 40'000);
  std::string received;
  error_code ended;
  std::string read;
  Run(
      [&]() -> asio::awaitable<void> {
        const error_code error = co_await Handshake();
        EXPECT_FALSE(error) << error.message();
        co_await (ReadAll(&received, &ended) && WriteAll(output));
      }(),
      [&] {
        ASSERT_TRUE(client_->Handshake());
        size_t sent = 0;
        while (read.size() < output.size()) {
          if (sent < input.size()) {
            if (sent % 2000 == 0) client_->AskForNewKeys();
            ASSERT_TRUE(client_->Write(input.substr(sent, 1000)));
          }
          sent += 1000;
          const std::string piece = client_->Read();
          ASSERT_FALSE(piece.empty()) << read.size() << " bytes are there";
          read += piece;
        }
        client_->End();
      });
  EXPECT_TRUE(read == output);
  EXPECT_TRUE(received == input);
  EXPECT_EQ(ended, asio::error::eof);
  EXPECT_GT(client_->new_keys(), 10);
}

TEST_F(TlsStreamTest, HoldsAClientBackThatAsksForNewKeysAndTakesNone) {
  constexpr int kSmall = 16 << 10;
  ::setsockopt(client_->fd(), SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof(kSmall));
  ::setsockopt(client_->fd(), SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof(kSmall));
  ::setsockopt(::SSL_get_fd(stream_->ssl()), SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof(kSmall));
  ::setsockopt(::SSL_get_fd(stream_->ssl()), SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof(kSmall));
  constexpr timeval kHeldBack{1, 0};
  ::setsockopt(client_->fd(), SOL_SOCKET, SO_SNDTIMEO, &kHeldBack, sizeof(kHeldBack));
  std::string received;
  error_code ended;
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        co_await ReadAll(&received, &ended);
      }(),
      [&] {
        ASSERT_TRUE(client_->Handshake());
        constexpr int kMany = 200'000;
        int asked = 0;
        do {
          client_->AskForNewKeys();
        } while (client_->Write("x") && ++asked < kMany);
        EXPECT_LT(asked, kMany);
        client_.reset();
      });
  EXPECT_LT(received.size(), 20'000U);
}

TEST_F(TlsStreamTest, WritesBuffersThatBelongTogetherAsOneRecord) {
  const std::string payload = Pattern(1000);
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        const std::array<asio::const_buffer, 3> buffers = {
            asio::buffer("head", 4), asio::const_buffer(), asio::buffer(payload)};
        auto [error, count] = co_await stream_->async_write_some(buffers, kAwait);
        EXPECT_EQ(count, 1004U) << error.message();
      }(),
      [&] {
        ASSERT_TRUE(client_->Handshake());
        EXPECT_EQ(client_->Read(), "head" + payload);
      });
}

TEST_F(TlsStreamTest, WritesOnAfterTheClientHasEndedItsHalf) {
  error_code ended;
  error_code shut_down;
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        ended = co_await ReadOnce();
        co_await WriteAll("late");
        auto [error] = co_await stream_->async_shutdown(kAwait);
        shut_down = error;
      }(),
      [&] {
        ASSERT_TRUE(client_->Handshake());
        client_->End();
        std::string all;
        for (std::string piece = client_->Read(); !piece.empty(); piece = client_->Read()) {
          all += piece;
        }
        EXPECT_EQ(all, "late");
      });
  EXPECT_EQ(ended, asio::error::eof);
  EXPECT_FALSE(shut_down) << shut_down.message();
}

TEST_F(TlsStreamTest, TellsACutConnectionFromItsEnd) {
  error_code ended;
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        ended = co_await ReadOnce();
      }(),
      [&] {
        ASSERT_TRUE(client_->Handshake());
        ::shutdown(client_->fd(), SHUT_WR);
        EXPECT_EQ(client_->Read(), "");
      });
  EXPECT_EQ(ended, asio::ssl::error::stream_truncated);
}

TEST_F(TlsStreamTest, RefusesWhatIsNoHandshake) {
  error_code error;
  Run([&]() -> asio::awaitable<void> { error = co_await Handshake(); }(),
      [&] {
        constexpr std::string_view kPlain = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        ASSERT_EQ(::write(client_->fd(), kPlain.data(), kPlain.size()), ssize_t{kPlain.size()});
      });
  EXPECT_EQ(error.category(), asio::error::get_ssl_category()) << error.message();
}

TEST_F(TlsStreamTest, GivesUpAHandshakeThatDoesNotGoOn) {
  error_code error;
  Run(
      [&]() -> asio::awaitable<void> {
        stream_->ExpireAfter(50ms);
        error = co_await Handshake();
      }(),
      [&] {
        ASSERT_EQ(::write(client_->fd(), "\x16\x03\x01", 3), 3);
        char data = 0;
        EXPECT_LE(::read(client_->fd(), &data, 1), 0) << "the connection is closed";
      });
  EXPECT_EQ(error, asio::error::timed_out);
}

TEST_F(TlsStreamTest, EndsAReadAndAWriteWhenTheTimeIsOver) {
  error_code read;
  error_code written;
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        stream_->ExpireAfter(50ms);
        const auto fill = [&]() -> asio::awaitable<void> {
          const std::string much(32 << 20, 'x');
          auto [error, count] = co_await asio::async_write(*stream_, asio::buffer(much), kAwait);
          written = error;
        };
        const auto wait = [&]() -> asio::awaitable<void> { read = co_await ReadOnce(); };
        co_await (wait() && fill());
      }(),
      [&] { ASSERT_TRUE(client_->Handshake()); });
  EXPECT_EQ(read, asio::error::timed_out);
  EXPECT_EQ(written, asio::error::timed_out);
}

TEST_F(TlsStreamTest, ACancelledReadTakesNothing) {
  error_code cancelled;
  std::string received;
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        asio::cancellation_signal stop;
        asio::post(stream_->get_executor(), [&] { stop.emit(asio::cancellation_type::terminal); });
        char data[64];
        auto [error, nothing] = co_await stream_->async_read_some(
            asio::buffer(data), asio::bind_cancellation_slot(stop.slot(), kAwait));
        cancelled = error;
        auto [unwritten, written] =
            co_await stream_->async_write_some(asio::buffer("go on", 5), kAwait);
        EXPECT_EQ(written, 5U) << unwritten.message();
        auto [failed, count] = co_await stream_->async_read_some(asio::buffer(data), kAwait);
        received.assign(data, count);
      }(),
      [&] {
        ASSERT_TRUE(client_->Handshake());
        ASSERT_FALSE(client_->Read().empty());
        ASSERT_TRUE(client_->Write("late"));
        EXPECT_EQ(client_->Read(), "");
      });
  EXPECT_EQ(cancelled, asio::error::operation_aborted);
  EXPECT_EQ(received, "late");
}

TEST_F(TlsStreamTest, LeavesADescriptorAloneOnceItIsClosed) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  UniqueFd others(pair[0]);
  const UniqueFd peer(pair[1]);
  Run(
      [&]() -> asio::awaitable<void> {
        (void)co_await Handshake();
        const int fd = ::SSL_get_fd(stream_->ssl());
        stream_->Close();
        // As accept(2) would give it to the next connection.
        UniqueFd next(::fcntl(others.get(), F_DUPFD_CLOEXEC, fd));
        EXPECT_EQ(next.get(), fd);
        auto [error, count] = co_await stream_->async_write_some(asio::buffer("x", 1), kAwait);
        EXPECT_EQ(error, asio::error::operation_aborted);
        auto [failed] = co_await stream_->async_shutdown(kAwait);
        EXPECT_EQ(failed, asio::error::operation_aborted);
      }(),
      [&] { ASSERT_TRUE(client_->Handshake()); });
  char data = 0;
  EXPECT_EQ(::recv(peer.get(), &data, 1, MSG_DONTWAIT), -1);
}

}  // namespace
}  // namespace nsdebug
