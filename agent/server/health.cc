#include "agent/server/health.h"

#include <utility>

#include "agent/server/beast.h"

namespace nsdebug {

namespace {

// Probes and Prometheus send a few hundred bytes and no body.
constexpr uint32_t kMaxHeaderBytes = 8 << 10;
constexpr std::chrono::seconds kTimeout{10};

using Answer = http::response<http::string_body>;

asio::awaitable<Answer> MakeAnswer(const http::request<http::empty_body>& request,
                                   const HealthAnswers& answers) {
  Answer answer(http::status::ok, request.version());
  answer.set(http::field::content_type, "text/plain; charset=utf-8");
  const auto target = request.target();
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    answer.result(http::status::method_not_allowed);
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

asio::awaitable<void> ServeHealth(asio::ip::tcp::socket socket, const HealthAnswers& answers) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    stream.expires_after(kTimeout);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHeaderBytes);
    auto [error, count] = co_await http::async_read(stream, buffer, parser, kAwait);
    if (error) co_return;
    keep_alive = parser.get().keep_alive();
    Answer answer = co_await MakeAnswer(parser.get(), answers);
    answer.keep_alive(keep_alive);
    answer.prepare_payload();
    // The answer to HEAD tells the length of what it leaves out.
    if (parser.get().method() == http::verb::head) answer.body().clear();
    stream.expires_after(kTimeout);
    auto [failed, written] = co_await http::async_write(stream, answer, kAwait);
    if (failed) co_return;
  }
}

}  // namespace nsdebug
