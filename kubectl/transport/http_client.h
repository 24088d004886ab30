#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kubectl/transport/layered_stream.h"
#include "kubectl/transport/request_log.h"

namespace nsdebug::kubectl {

/// Of one answer. A list of pods of a large namespace has some MiB.
inline constexpr size_t kMaxAnswerBytes = size_t{64} << 20;

/// HTTP/1.1 over one connection that is kept alive between requests. One thread, one request at a
/// time.
class HttpClient {
 public:
  using Headers = RequestLog::Headers;
  using Connector = std::function<asio::awaitable<Result<std::unique_ptr<ByteStream>>>()>;

  struct Options {
    std::string host;         ///< for the Host header and messages, with the port unless it is 443
    std::string path_prefix;  ///< empty, or "/..." of a server behind a gateway
    Headers headers;          ///< go with every request; never printed
    std::chrono::milliseconds timeout{0};  ///< of each request
    Connector connect;          ///< connects again for what may be asked twice; empty: never
    RequestLog* log = nullptr;  ///< outlives us
  };

  HttpClient(std::unique_ptr<ByteStream> stream, Options options);
  ~HttpClient();

  /// What to ask for, and in which form.
  struct Question {
    std::string target;
    std::string accept = "application/json";
  };

  /// The body of a 2xx answer. Others are errors with the message of their Status:
  /// kUnauthenticated, kPermissionDenied, kNotFound, kInvalidArgument, kResourceExhausted,
  /// kUnavailable, kInternal. A connection that breaks is made again, and a server that asks for
  /// patience gets some, both for a bounded number of times.
  asio::awaitable<Result<std::string>> Get(Question question);
  asio::awaitable<Result<std::string>> Get(std::string target) {
    return Get(Question{std::move(target)});
  }
  /// Several at the price of one: they are sent before the first is answered.
  asio::awaitable<std::vector<Result<std::string>>> GetAll(std::vector<Question> questions);
  /// Sent once: nobody knows what a request did whose answer was lost.
  asio::awaitable<Result<std::string>> Send(std::string method, std::string target,
                                            std::string body);

  const Options& options() const { return options_; }

  /// "https://HOST/PREFIX/TARGET", for messages.
  std::string UrlOf(const std::string& target) const {
    return "https://" + options_.host + options_.path_prefix + target;
  }

  /// For an upgrade; connects again if the server has closed the connection after its last answer.
  asio::awaitable<Result<LayeredStream>> TakeStream();

 private:
  /// What came of one request.
  struct Answer {
    std::optional<Error> failure;  ///< there was no answer
    int status = 0;
    std::string body;
    std::optional<std::chrono::seconds> retry_after;
  };

  asio::awaitable<Result<void>> Connect();
  asio::awaitable<Answer> Exchange(std::string method, Question question, std::string body);
  asio::awaitable<Result<void>> Write(std::string method, Question question, std::string body);
  asio::awaitable<Answer> ReadAnswer(std::string method, std::string target);
  Error Lost(const std::string& method, const std::string& target, const std::string& why);
  static Result<std::string> ResultOf(Answer answer);

  LayeredStream stream_;
  const Options options_;
  struct Received;
  std::unique_ptr<Received> received_;  ///< the start of the next answer
  bool is_open_ = true;                 ///< a request can be sent on the stream
};

/// The error that an answer stands for: its Status's message, or what HTTP says.
Error ErrorOfAnswer(int status, const std::string& body);

}  // namespace nsdebug::kubectl
