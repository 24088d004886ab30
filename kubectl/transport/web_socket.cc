#include "kubectl/transport/web_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace nsdebug::kubectl {

namespace {

namespace websocket = boost::beast::websocket;
namespace http = boost::beast::http;

websocket::stream_base::decorator Decorate(const HttpClient& client, const std::string& offered) {
  return websocket::stream_base::decorator(
      [headers = client.options().headers, offered](websocket::request_type& request) {
        for (const auto& [name, value] : headers) request.set(name, value);
        request.set(http::field::user_agent, "kubectl-ns_debug/" NS_DEBUG_VERSION);
        request.set(http::field::sec_websocket_protocol, offered);
      });
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<WebSocketStream>>> OpenWebSocket(
    std::unique_ptr<HttpClient> client, std::string target, std::vector<std::string> subprotocols,
    std::string* chosen) {
  Result<LayeredStream> stream = co_await client->TakeStream();
  if (!stream) co_return Propagate(std::move(stream.error()));
  auto socket = std::make_unique<WebSocketStream>(std::move(*stream));
  websocket::stream_base::timeout limits{};
  limits.handshake_timeout = client->options().timeout;
  limits.idle_timeout = websocket::stream_base::none();
  limits.keep_alive_pings = false;
  socket->set_option(limits);
  socket->set_option(Decorate(*client, fmt::format("{}", fmt::join(subprotocols, ", "))));
  // Servers of Kubernetes take every frame for a message.
  socket->auto_fragment(false);
  socket->read_message_max(0);
  socket->binary(true);
  websocket::response_type answer;
  RequestLog* const log = client->options().log;
  const auto begin = RequestLog::Clock::now();
  if (log != nullptr) {
    log->CountRoundTrip("upgrade");
    log->Request("GET", client->UrlOf(target), client->options().headers);
  }
  auto [error] = co_await socket->async_handshake(answer, client->options().host,
                                                  client->options().path_prefix + target, kAwait);
  if (log != nullptr && answer.result_int() != 0) {
    log->Answer("GET", client->UrlOf(target),
                fmt::format("{} {}", answer.result_int(), std::string_view(answer.reason())),
                RequestLog::Clock::now() - begin, {});
  }
  if (error == websocket::error::upgrade_declined) {
    co_return Failure(ErrorOfAnswer(static_cast<int>(answer.result_int()), answer.body()));
  }
  if (error) {
    const std::string reason = socket->next_layer().stream().Reason();
    co_return Fail(Code::kUnavailable,
                   fmt::format("upgrade to WebSocket at {}: {}", client->options().host,
                               reason.empty() ? error.message() : reason));
  }
  *chosen = std::string(answer[http::field::sec_websocket_protocol]);
  if (std::find(subprotocols.begin(), subprotocols.end(), *chosen) == subprotocols.end()) {
    co_return Fail(Code::kInternal,
                   fmt::format("{} chose a protocol that was not offered", client->options().host));
  }
  co_return std::move(socket);
}

}  // namespace nsdebug::kubectl
