#include "agent/server/connection.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <optional>
#include <utility>

#include "agent/server/beast.h"
#include "agent/server/http_request.h"
#include "agent/server/status_response.h"
#include "agent/server/web_socket.h"

namespace nsdebug {

namespace {

using HttpResponse = http::response<http::string_body>;
using Parser = http::request_parser<http::string_body>;

// Of a client that sends the next request before it has the answer to this one, so much is kept.
constexpr size_t kMaxPipelinedBytes = 4 << 10;

// How long a client that was refused may go on sending what nobody wants.
constexpr std::chrono::seconds kDrainTimeout{2};
constexpr size_t kDrainBytes = 16 << 10;

// Of a request that is refused by its header, such a body is not worth the connection.
constexpr uint64_t kMaxSkippedBytes = 16 << 10;

std::string ToDer(X509* certificate) {
  const int length = ::i2d_X509(certificate, nullptr);
  if (length <= 0) return {};
  std::string der(static_cast<size_t>(length), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  ::i2d_X509(certificate, &out);
  return der;
}

/// On the server's side OpenSSL's chain is without the client's own certificate.
std::vector<std::string> PeerCertificates(SSL* ssl) {
  std::vector<std::string> certificates;
  X509* own = ::SSL_get0_peer_certificate(ssl);
  if (own == nullptr) return certificates;
  certificates.push_back(ToDer(own));
  STACK_OF(X509)* chain = ::SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); ++i)
    certificates.push_back(ToDer(sk_X509_value(chain, i)));
  return certificates;
}

std::string AddressOf(const asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "unknown" : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

std::string NextRequestId() {
  static std::atomic<uint64_t> last = 0;
  return std::to_string(++last);
}

class Connection final : public Exchange {
 public:
  Connection(asio::ip::tcp::socket socket, const std::shared_ptr<SSL_CTX>& tls,
             const ConnectionLimits& limits, const RequestHandler& handler,
             const RefusalListener& on_refusal)
      : limits_(limits),
        handler_(handler),
        on_refusal_(on_refusal),
        remote_(AddressOf(socket)),
        stream_(std::in_place, std::move(socket), tls.get()) {}

  asio::awaitable<void> Serve() {
    SetTimeout(limits_.request_timeout);
    auto [error] = co_await stream_->async_handshake(kAwait);
    if (error) co_return;
    certificates_ = PeerCertificates(stream_->ssl());
    while (co_await ServeOne()) {
    }
    if (!stream_) co_return;
    SetTimeout(limits_.request_timeout);
    (void)co_await stream_->async_shutdown(kAwait);
  }

  asio::any_io_executor strand() override { return stream_ ? stream_->get_executor() : executor_; }

  asio::awaitable<Result<std::unique_ptr<ExecStream>>> AcceptWebSocket(
      const Subprotocol& subprotocol) override {
    auto socket =
        std::make_unique<WebSocket>(std::move(*stream_), subprotocol, limits_.request_timeout);
    stream_.reset();
    Result<void> accepted = co_await socket->Accept(parser_->get());
    if (!accepted) co_return Propagate(std::move(accepted.error()));
    co_return std::unique_ptr<ExecStream>(std::move(socket));
  }

  asio::awaitable<std::optional<Response>> ReadBody(Request* request) override {
    if (!parser_->is_done()) {
      const http::error error = co_await ReadRest();
      if (error != http::error{}) co_return UnreadableResponse(error);
      // A command may take longer than any request; how long, its handler decides.
      stream_->ExpireNever();
    }
    request->body = std::move(parser_->get().body());
    co_return std::nullopt;
  }

  asio::awaitable<void> WatchClient() override {
    // A closed connection shows as the end of what can be read; what comes instead is the next
    // request, and is kept for it.
    while (!watched_enough_ && buffer_.size() < kMaxPipelinedBytes) {
      auto [error, count] = co_await stream_->async_read_some(
          buffer_.prepare(kMaxPipelinedBytes),
          asio::bind_cancellation_slot(stop_watching_.slot(), kAwait));
      if (error) co_return;
      buffer_.commit(count);
    }
    asio::steady_timer never(strand(), asio::steady_timer::time_point::max());
    if (watched_enough_) co_return;
    (void)co_await never.async_wait(asio::bind_cancellation_slot(stop_watching_.slot(), kAwait));
  }

  void StopWatching() override {
    watched_enough_ = true;
    stop_watching_.emit(asio::cancellation_type::terminal);
  }

 private:
  void SetTimeout(std::chrono::milliseconds time) { stream_->ExpireAfter(time); }

  /// Whether another request may follow.
  asio::awaitable<bool> ServeOne() {
    if (!(co_await WaitForRequest())) co_return false;
    parser_.emplace();
    parser_->header_limit(limits_.header_bytes);
    parser_->body_limit(limits_.body_bytes);
    if (const http::error error = co_await ReadHeader(); error != http::error{}) {
      co_return co_await Refuse(error);
    }
    Response response;
    if (Result<Request> request = MakeRequest(parser_->get()); request) {
      response = co_await Handle(&*request);
    } else {
      response = StatusResponse(request.error());
      on_refusal_(response.status);
    }
    if (response.status == 0 || !stream_) co_return false;
    co_await SkipBody();
    const bool goes_on = parser_->keep_alive() && parser_->is_done() && !response.is_last;
    const bool sent = co_await Send(&response, goes_on, parser_->get().version());
    if (sent && !parser_->is_done()) co_await Drain();
    co_return sent&& goes_on;
  }

  asio::awaitable<Response> Handle(Request* request) {
    if (request->upgrade == Request::Upgrade::kWebSocket && buffer_.size() > 0) {
      // Data that came before the answer to the upgrade.
      request->upgrade = Request::Upgrade::kMalformedWebSocket;
    }
    request->id = NextRequestId();
    request->remote = remote_;
    // A browser shows its user's certificate to any page that asks it to; a token, only the page
    // that has it can send.
    if (!request->is_from_web_page) request->credentials.certificates = certificates_;
    executor_ = stream_->get_executor();
    watched_enough_ = false;
    // Who asks, and whether he may, has times of its own; what his command may take, its handler
    // decides.
    stream_->ExpireNever();
    co_return co_await handler_(request, this);
  }

  asio::awaitable<bool> WaitForRequest() {
    if (buffer_.size() > 0) co_return true;
    // Whoever has not asked anything yet has no connection to keep.
    SetTimeout(parser_ ? limits_.idle_timeout : limits_.request_timeout);
    auto [error, count] = co_await stream_->async_read_some(buffer_.prepare(1 << 10), kAwait);
    buffer_.commit(count);
    co_return !error;
  }

  asio::awaitable<http::error> ReadHeader() {
    SetTimeout(limits_.request_timeout);
    auto [error, count] = co_await http::async_read_header(*stream_, buffer_, *parser_, kAwait);
    co_return OfParser(error);
  }

  /// What is behind the header.
  asio::awaitable<http::error> ReadRest() {
    SetTimeout(limits_.request_timeout);
    beast::error_code error;
    if (WaitsForContinue()) {
      http::response<http::empty_body> go_on(http::status::continue_, parser_->get().version());
      auto [failed, written] = co_await http::async_write(*stream_, go_on, kAwait);
      error = failed;
    }
    if (!error) {
      auto [failed, read] = co_await http::async_read(*stream_, buffer_, *parser_, kAwait);
      error = failed;
    }
    co_return OfParser(error);
  }

  /// error{} when there was none; end_of_stream when the connection is of no more use.
  static http::error OfParser(const beast::error_code& error) {
    if (!error) return http::error{};
    if (error.category() != http::make_error_code(http::error::end_of_stream).category()) {
      return http::error::end_of_stream;
    }
    return static_cast<http::error>(error.value());
  }

  bool WaitsForContinue() const {
    return beast::iequals(parser_->get()[http::field::expect], "100-continue");
  }

  /// Takes the body of a request that was answered without it, so that the connection can go on.
  asio::awaitable<void> SkipBody() {
    const auto left = parser_->content_length_remaining();
    if (parser_->is_done() || !left || *left > kMaxSkippedBytes || WaitsForContinue()) co_return;
    (void)co_await ReadRest();
  }

  /// Of what could not be read nobody knows where the next request starts.
  asio::awaitable<bool> Refuse(http::error error) {
    if (error != http::error::end_of_stream && error != http::error::partial_message) {
      // GCC 12 makes an illegal instruction of `if (co_await ...) co_await ...` here.
      Response response = UnreadableResponse(error);
      on_refusal_(response.status);
      const bool sent = co_await Send(&response, false, 11);
      if (sent) co_await Drain();
    }
    co_return false;
  }

  /// Closing on bytes that nobody has read resets the connection, and a client that is still
  /// sending its body would never see the answer.
  asio::awaitable<void> Drain() {
    buffer_.clear();
    SetTimeout(kDrainTimeout);
    boost::system::error_code ended;
    while (!ended) {
      auto [error, count] = co_await stream_->async_read_some(buffer_.prepare(kDrainBytes), kAwait);
      ended = error;
    }
  }

  asio::awaitable<bool> Send(Response* response, bool keep_alive, unsigned version) {
    HttpResponse message(static_cast<http::status>(response->status), version,
                         std::move(response->body));
    if (!message.body().empty()) message.set(http::field::content_type, response->content_type);
    for (const auto& [name, value] : response->headers) message.set(name, value);
    message.set(http::field::cache_control, "no-store");
    message.keep_alive(keep_alive);
    message.prepare_payload();
    // The answer to HEAD tells the length of what it leaves out.
    if (parser_->get().method() == http::verb::head) message.body().clear();
    SetTimeout(limits_.idle_timeout);
    auto [error, count] = co_await http::async_write(*stream_, message, kAwait);
    co_return !error;
  }

  const ConnectionLimits& limits_;
  const RequestHandler& handler_;
  const RefusalListener& on_refusal_;
  const std::string remote_;
  std::optional<TlsStream> stream_;  ///< given away by an upgrade
  asio::any_io_executor executor_;
  beast::flat_buffer buffer_;
  std::vector<std::string> certificates_;
  std::optional<Parser> parser_;  ///< of the last request
  asio::cancellation_signal stop_watching_;
  bool watched_enough_ = false;
};

void SetOptions(asio::ip::tcp::socket* socket) {
  boost::system::error_code ignored;
  // With Nagle's algorithm each small answer would wait for the client's delayed acknowledgement.
  socket->set_option(asio::ip::tcp::no_delay(true), ignored);
  // A client whose machine has gone sends nothing, not even an end. No TCP_USER_TIMEOUT: it would
  // also end a client that is there and does not read for a while, a pager's (Linux 5.11 and
  // newer).
  socket->set_option(asio::socket_base::keep_alive(true), ignored);
  constexpr int kIdleSeconds = 60;
  constexpr int kIntervalSeconds = 10;
  const int fd = socket->native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof(kIdleSeconds));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof(kIntervalSeconds));
}

}  // namespace

asio::awaitable<void> ServeConnection(asio::ip::tcp::socket socket, std::shared_ptr<SSL_CTX> tls,
                                      const ConnectionLimits& limits, const RequestHandler& handler,
                                      const RefusalListener& on_refusal) {
  SetOptions(&socket);
  const auto connection =
      std::make_unique<Connection>(std::move(socket), tls, limits, handler, on_refusal);
  co_await connection->Serve();
}

}  // namespace nsdebug
