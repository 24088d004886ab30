#pragma once

#include <boost/beast/websocket.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "kubectl/transport/http_client.h"
#include "kubectl/transport/layered_stream.h"

namespace nsdebug::kubectl {

using WebSocketStream = boost::beast::websocket::stream<LayeredStream>;

/// Asks for an upgrade on the connection of `client`, which is used up. A server that refuses is
/// the error of its Status; one that chooses a subprotocol that was not offered is kInternal.
asio::awaitable<Result<std::unique_ptr<WebSocketStream>>> OpenWebSocket(
    std::unique_ptr<HttpClient> client, std::string target, std::vector<std::string> subprotocols,
    std::string* chosen);

}  // namespace nsdebug::kubectl
