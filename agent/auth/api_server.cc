#include "agent/auth/api_server.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/auth/api_endpoint.h"
#include "agent/auth/api_exchange.h"
#include "agent/auth/bearer.h"
#include "agent/auth/denial.h"
#include "agent/auth/reloaded_file.h"
#include "agent/auth/tls_connection.h"

namespace nsdebug {

namespace {

using Clock = TlsConnection::Clock;
using nlohmann::json;

// What a Status says for people; empty when the body is none.
std::string StatusMessage(const std::string& body) {
  json status = json::parse(body, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!status.is_object() || status.value("kind", "") != "Status") return "";
  return status.value("message", "");
}

std::string_view BindingFor(std::string_view path) {
  if (path.starts_with("/apis/authentication.k8s.io/") ||
      path.starts_with("/apis/authorization.k8s.io/")) {
    return "bind ClusterRole system:auth-delegator to it";
  }
  return "bind Role extension-apiserver-authentication-reader of namespace kube-system to it";
}

Failure RefusalOf(const ApiAnswer& answer, std::string_view path) {
  std::string message;
  try {
    message = StatusMessage(answer.body);
  } catch (const json::exception&) {
    // A field of another type: a Status without a message.
  }
  std::string status = fmt::format("HTTP status {}", answer.status);
  switch (answer.status) {
    case 401:
      return Fail(
          Code::kPermissionDenied,
          WithReason("it does not accept the agent's own token (HTTP status 401): is the "
                     "token file of a service account of this cluster? That account needs: " +
                         std::string(BindingFor(path)),
                     message));
    case 403:
      return Fail(Code::kPermissionDenied,
                  WithReason("the agent's own service account lacks the right: " +
                                 std::string(BindingFor(path)),
                             message));
    case 404:
      return Fail(Code::kNotFound, WithReason(status, message));
    case 429:
      return Fail(Code::kUnavailable, WithReason(status, message));
    default:
      return Fail(answer.status >= 500 ? Code::kUnavailable : Code::kInternal,
                  WithReason(status, message));
  }
}

Result<std::string> ParseToken(const FileContent& content) {
  std::string_view token = content.text;
  size_t begin = token.find_first_not_of(" \t\r\n");
  token = begin == std::string_view::npos ? "" : token.substr(begin);
  token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
  if (!IsTokenText(token)) {
    return Fail(Code::kInvalidArgument, "not one token of visible ASCII characters");
  }
  return std::string(token);
}

}  // namespace

// At most kMaxApiConnections of them, those not in use included: one is opened only where none was
// kept. Any thread may call.
class ApiServer::Connections {
 public:
  Connections() { kept_.reserve(kMaxApiConnections); }

  // The right to use one connection, given back at the end.
  class Turn {
   public:
    explicit Turn(Connections& owner) : owner_(owner) {}
    ~Turn() { owner_.GiveBack(std::move(connection)); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    std::unique_ptr<TlsConnection> connection;  // nullptr: open one; what is left in here is kept

   private:
    Connections& owner_;
  };

  // nullptr at the deadline. `context` is what connections that were kept must have been made with.
  std::unique_ptr<Turn> Take(const TlsContext& context, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    bool has_turn =
        is_free_.wait_until(lock, deadline, [this] { return in_use_ < kMaxApiConnections; });
    if (!has_turn) return nullptr;
    auto turn = std::make_unique<Turn>(*this);
    ++in_use_;
    // The last one used is the one most likely alive.
    while (!kept_.empty() && turn->connection == nullptr) {
      turn->connection = std::move(kept_.back());
      kept_.pop_back();
      bool is_good = turn->connection->context() == context && turn->connection->IsQuiet();
      if (!is_good) turn->connection = nullptr;
    }
    return turn;
  }

 private:
  void GiveBack(std::unique_ptr<TlsConnection> connection) {
    {
      std::lock_guard lock(mutex_);
      --in_use_;
      if (connection != nullptr) kept_.push_back(std::move(connection));
    }
    is_free_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable is_free_;
  size_t in_use_ = 0;                                 // guarded by mutex_
  std::vector<std::unique_ptr<TlsConnection>> kept_;  // guarded by mutex_
};

struct ApiServer::Impl {
  Impl(ApiEndpoint where, const ApiServerConfig& config)
      : endpoint(std::move(where)),
        call_timeout(config.call_timeout),
        token(config.token_file, kMaxTokenBytes, OnFault::kKeepLastGood, ParseToken),
        context(config.ca_file, kMaxCaFileBytes, OnFault::kKeepLastGood,
                [](const FileContent& content) { return MakeTlsContext(content.text); }) {}

  Result<std::string> Ask(const char* method, const std::string& path, const std::string& body);
  Result<ApiAnswer> AskOnConnection(const ApiRequest& request, const TlsContext& tls,
                                    Clock::time_point deadline);

  const ApiEndpoint endpoint;
  const std::chrono::milliseconds call_timeout;
  ReloadedFile<std::string> token;
  ReloadedFile<TlsContext> context;
  Connections connections;
};

Result<std::string> ApiServer::Impl::Ask(const char* method, const std::string& path,
                                         const std::string& body) {
  std::string operation = fmt::format("ask the API server at {}", endpoint.Authority());
  Clock::time_point deadline = Clock::now() + call_timeout;
  Result<std::string> own_token = token.Get();
  if (!own_token) {
    return Fail(Code::kUnavailable, fmt::format("{}: the agent's token {}: {}", operation,
                                                token.path(), own_token.error().message));
  }
  Result<TlsContext> tls = context.Get();
  if (!tls) {
    return Fail(Code::kUnavailable,
                fmt::format("{}: its CA {}: {}", operation, context.path(), tls.error().message));
  }
  ApiRequest request{.method = method,
                     .target = endpoint.path_prefix + path,
                     .authority = endpoint.Authority(),
                     .token = *std::move(own_token),
                     .json_body = body};
  Result<ApiAnswer> answer = AskOnConnection(request, *tls, deadline);
  if (!answer) return Propagate(answer.error(), operation);
  if (answer->status < 200 || answer->status > 299) {
    return Propagate(RefusalOf(*answer, path).value(), operation);
  }
  return std::move(answer->body);
}

Result<ApiAnswer> ApiServer::Impl::AskOnConnection(const ApiRequest& request, const TlsContext& tls,
                                                   Clock::time_point deadline) {
  std::unique_ptr<Connections::Turn> turn = connections.Take(tls, deadline);
  if (turn == nullptr) {
    return Fail(Code::kDeadlineExceeded,
                fmt::format("all {} connections are busy: no turn in time", kMaxApiConnections));
  }
  if (turn->connection != nullptr) {
    Result<std::optional<ApiAnswer>> answer = ExchangeOn(turn->connection, request, deadline);
    if (!answer) return Propagate(answer.error());
    if (*answer) return **std::move(answer);
    // The server closed it while our request was under way, as servers do with idle connections.
  }
  Result<std::unique_ptr<TlsConnection>> opened = TlsConnection::Open(endpoint, tls, deadline);
  if (!opened) return Propagate(opened.error());
  turn->connection = *std::move(opened);
  Result<std::optional<ApiAnswer>> answer = ExchangeOn(turn->connection, request, deadline);
  if (!answer) return Propagate(answer.error());
  if (!*answer) return Fail(Code::kUnavailable, "it closed the connection without an answer");
  return **std::move(answer);
}

Result<std::unique_ptr<ApiServer>> ApiServer::Create(const ApiServerConfig& config) {
  Result<ApiEndpoint> endpoint = config.url.empty() ? ApiEndpointOfPod() : ParseApiUrl(config.url);
  if (!endpoint) return Propagate(endpoint.error());
  return std::unique_ptr<ApiServer>(
      new ApiServer(std::make_unique<Impl>(*std::move(endpoint), config)));
}

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiServer::~ApiServer() = default;

Result<std::string> ApiServer::Post(const std::string& path, const std::string& json_body) {
  return impl_->Ask("POST", path, json_body);
}

Result<std::string> ApiServer::Get(const std::string& path) { return impl_->Ask("GET", path, ""); }

std::chrono::milliseconds ApiServer::call_timeout() const { return impl_->call_timeout; }

}  // namespace nsdebug
