#include "agent/server/health.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <iterator>
#include <memory>
#include <utility>

#include "agent/server/beast.h"

namespace nsdebug {

namespace {

// Probes and Prometheus send a few hundred bytes and no body.
constexpr uint32_t kMaxHeaderBytes = 8 << 10;
constexpr std::chrono::seconds kTimeout{2};

using Answer = http::response<http::string_body>;

asio::awaitable<Answer> MakeAnswer(const http::request<http::empty_body>& request,
                                   const HealthAnswers& answers) {
  Answer answer(http::status::ok, request.version());
  answer.set(http::field::content_type, "text/plain; charset=utf-8");
  const auto target = request.target();
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    answer.result(http::status::method_not_allowed);
    answer.set(http::field::allow, "GET, HEAD");
  } else if (target == "/healthz") {
    answer.body() = "ok\n";
  } else if (target == "/readyz") {
    const std::string missing = co_await answers.readiness();
    if (!missing.empty()) answer.result(http::status::service_unavailable);
    answer.body() = missing.empty() ? "ok\n" : missing;
  } else if (target == "/metrics") {
    answer.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    answer.body() = answers.metrics();
  } else {
    answer.result(http::status::not_found);
  }
  co_return answer;
}

}  // namespace

/// One of the connections that are open, from here to its end.
class HealthServer::Place {
 public:
  Place(HealthServer* server, Drop drop) : server_(server) {
    const std::scoped_lock lock(server_->mutex_);
    // It leaves the list when it notices: the next one is for another newcomer.
    if (server_->open_.size() >= server_->max_connections_) {
      const size_t surplus = server_->open_.size() - server_->max_connections_;
      (*std::next(server_->open_.begin(), static_cast<ptrdiff_t>(surplus)))();
    }
    place_ = server_->open_.insert(server_->open_.end(), std::move(drop));
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    const std::scoped_lock lock(server_->mutex_);
    server_->open_.erase(place_);
  }

 private:
  HealthServer* server_;
  std::list<Drop>::iterator place_;
};

asio::awaitable<void> HealthServer::Serve(asio::ip::tcp::socket socket) {
  const auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
  const Place place(this, [weak = std::weak_ptr(stream), strand = stream->get_executor()] {
    asio::post(strand, [weak] {
      if (const auto dropped = weak.lock()) dropped->close();
    });
  });
  beast::flat_buffer buffer;
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxHeaderBytes);
  stream->expires_after(kTimeout);
  auto [error, count] = co_await http::async_read(*stream, buffer, parser, kAwait);
  if (error) co_return;
  Answer answer = co_await MakeAnswer(parser.get(), answers_);
  answer.keep_alive(false);
  answer.prepare_payload();
  // The answer to HEAD tells the length of what it leaves out.
  if (parser.get().method() == http::verb::head) answer.body().clear();
  stream->expires_after(kTimeout);
  auto [failed, written] = co_await http::async_write(*stream, answer, kAwait);
  boost::system::error_code ignored;
  if (!failed) stream->socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

}  // namespace nsdebug
