#include "kubectl/transport/http_client.h"

#include <fmt/format.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "kubectl/transport/deadline.h"

namespace nsdebug::kubectl {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr size_t kMaxMessageShown = 1024;

// As client-go, but not for minutes: somebody waits.
constexpr int kMaxTries = 4;
constexpr std::chrono::seconds kMaxRetryAfter{10};

using Request = http::request<http::string_body>;
using Parser = http::response_parser<http::string_body>;

template <class Fields>
HttpClient::Headers HeadersOf(const Fields& fields) {
  HttpClient::Headers headers;
  for (const auto& field : fields) {
    headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  return headers;
}

/// How long a server asks to wait; of the answers that client-go tries again.
std::optional<std::chrono::seconds> RetryAfterOf(const http::response<http::string_body>& answer) {
  if (answer.result_int() != 429 && answer.result_int() / 100 != 5) return std::nullopt;
  const auto value = answer[http::field::retry_after];
  unsigned seconds = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (value.empty() || parsed.ec != std::errc() || seconds > kMaxRetryAfter.count()) {
    return std::nullopt;
  }
  return std::chrono::seconds(seconds);
}

Code CodeOfStatus(int status) {
  switch (status) {
    case 400:
    case 405:
    case 422:
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
    case 410:
      return Code::kNotFound;
    case 409:
      return Code::kFailedPrecondition;
    case 429:
      return Code::kResourceExhausted;
    case 501:
      return Code::kUnimplemented;
    case 504:
      return Code::kDeadlineExceeded;
    default:
      return status >= 502 ? Code::kUnavailable : Code::kInternal;
  }
}

}  // namespace

Error ErrorOfAnswer(int status, const std::string& body) {
  std::string message;
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("message") && json["message"].is_string()) {
    message = json["message"].get<std::string>();
  }
  if (message.empty()) message = fmt::format("the server answered with status {}", status);
  return {CodeOfStatus(status), Printable(message, kMaxMessageShown), 0};
}

struct HttpClient::Received {
  beast::flat_buffer buffer;
};

HttpClient::HttpClient(std::unique_ptr<ByteStream> stream, Options options)
    : stream_(LayeredStream(std::move(stream))),
      options_(std::move(options)),
      received_(std::make_unique<Received>()) {}

HttpClient::~HttpClient() = default;

asio::awaitable<Result<std::string>> HttpClient::Get(Question question) {
  for (int tries = 1;; ++tries) {
    Answer answer = co_await Exchange("GET", question, {});
    const bool is_lost = answer.failure && answer.failure->code == Code::kUnavailable;
    const bool may_help = (is_lost && options_.connect) || answer.retry_after;
    if (!may_help || tries == kMaxTries) co_return ResultOf(std::move(answer));
    if (answer.retry_after) co_await Wait(*answer.retry_after);
  }
}

asio::awaitable<std::vector<Result<std::string>>> HttpClient::GetAll(
    std::vector<Question> questions) {
  std::vector<Result<std::string>> results;
  bool is_sent = is_open_;
  for (const Question& question : questions) {
    if (!is_sent) break;
    Result<void> written = co_await Write("GET", question, {});
    is_sent = written.has_value();
  }
  if (is_sent && options_.log != nullptr) options_.log->CountRoundTrip("requests");
  for (const Question& question : questions) {
    Answer answer;
    // After one that was lost or was the connection's last there are no others.
    if (is_sent && is_open_) answer = co_await ReadAnswer("GET", question.target);
    const bool is_answered = is_sent && answer.status != 0 && !answer.retry_after;
    if (is_answered) {
      results.push_back(ResultOf(std::move(answer)));
    } else {
      is_open_ = is_sent = false;
      Result<std::string> alone = co_await Get(question);
      results.push_back(std::move(alone));
    }
  }
  co_return results;
}

asio::awaitable<Result<std::string>> HttpClient::Send(std::string method, std::string target,
                                                      std::string body) {
  Question question{std::move(target)};
  Answer answer = co_await Exchange(std::move(method), std::move(question), std::move(body));
  co_return ResultOf(std::move(answer));
}

asio::awaitable<Result<LayeredStream>> HttpClient::TakeStream() {
  Result<void> connected = co_await Connect();
  if (!connected) co_return Propagate(std::move(connected.error()));
  co_return std::move(stream_);
}

asio::awaitable<Result<void>> HttpClient::Connect() {
  if (is_open_) co_return Result<void>();
  if (!options_.connect) {
    co_return Fail(Code::kUnavailable, fmt::format("{} has closed the connection", options_.host));
  }
  Result<std::unique_ptr<ByteStream>> stream = co_await options_.connect();
  if (!stream) co_return Propagate(std::move(stream.error()));
  stream_ = LayeredStream(std::move(*stream));
  received_->buffer.clear();
  is_open_ = true;
  co_return Result<void>();
}

asio::awaitable<HttpClient::Answer> HttpClient::Exchange(std::string method, Question question,
                                                         std::string body) {
  Answer answer;
  Result<void> connected = co_await Connect();
  if (!connected) {
    answer.failure = std::move(connected.error());
    co_return answer;
  }
  if (options_.log != nullptr) options_.log->CountRoundTrip("request");
  Result<void> written = co_await Write(method, question, std::move(body));
  if (!written) {
    answer.failure = std::move(written.error());
    co_return answer;
  }
  answer = co_await ReadAnswer(std::move(method), std::move(question.target));
  co_return answer;
}

asio::awaitable<Result<void>> HttpClient::Write(std::string method, Question question,
                                                std::string body) {
  const std::string& target = question.target;
  Request request(http::string_to_verb(method), options_.path_prefix + target, 11);
  request.set(http::field::host, options_.host);
  request.set(http::field::accept, question.accept);
  request.set(http::field::user_agent, "kubectl-ns_debug/" NS_DEBUG_VERSION);
  for (const auto& [name, value] : options_.headers) request.set(name, value);
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  if (options_.log != nullptr && options_.log->wants_request_headers()) {
    options_.log->Request(method, UrlOf(target), HeadersOf(request));
  }
  Deadline deadline(stream_.stream(), options_.timeout);
  auto [error, count] = co_await http::async_write(stream_, request, kAwait);
  if (error) co_return Failure(Lost(method, target, error.message()));
  co_return Result<void>();
}

asio::awaitable<HttpClient::Answer> HttpClient::ReadAnswer(std::string method, std::string target) {
  const auto begin = RequestLog::Clock::now();
  Answer answer;
  Parser parser;
  parser.body_limit(kMaxAnswerBytes);
  Deadline deadline(stream_.stream(), options_.timeout);
  auto [error, count] = co_await http::async_read(stream_, received_->buffer, parser, kAwait);
  if (deadline.has_passed()) {
    is_open_ = false;
    answer.failure = Error{Code::kDeadlineExceeded,
                           fmt::format("{} {}: no answer within {} s", method, UrlOf(target),
                                       std::chrono::duration<double>(options_.timeout).count()),
                           0};
    co_return answer;
  }
  if (error) {
    answer.failure = Lost(method, target, error.message());
    co_return answer;
  }
  auto& message = parser.get();
  is_open_ = message.keep_alive();
  answer.status = static_cast<int>(message.result_int());
  answer.retry_after = RetryAfterOf(message);
  if (options_.log != nullptr) {
    options_.log->Answer(method, UrlOf(target),
                         fmt::format("{} {}", answer.status, std::string_view(message.reason())),
                         RequestLog::Clock::now() - begin,
                         options_.log->wants_answer_headers() ? HeadersOf(message) : Headers());
    options_.log->Body(message.body());
  }
  answer.body = std::move(message.body());
  co_return answer;
}

Error HttpClient::Lost(const std::string& method, const std::string& target,
                       const std::string& why) {
  is_open_ = false;
  return {Code::kUnavailable, fmt::format("{} {}: {}", method, UrlOf(target), why), 0};
}

Result<std::string> HttpClient::ResultOf(Answer answer) {
  if (answer.failure) return Failure(std::move(*answer.failure));
  if (answer.status / 100 == 2) return std::move(answer.body);
  return Failure(ErrorOfAnswer(answer.status, answer.body));
}

}  // namespace nsdebug::kubectl
