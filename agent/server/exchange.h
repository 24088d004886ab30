#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/asio.h"
#include "agent/server/message.h"
#include "agent/session/client_stream.h"
#include "base/error.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug {

/// The client of a streamed exec.
class ExecStream : public ClientStream {
 public:
  /// Says how it ended and closes: the status on channel 3, then Close 1000. What the client still
  /// sends is read and dropped; bounded in time.
  virtual asio::awaitable<void> Finish(std::string status) = 0;
};

/// What a handler may do with the connection that a request came on, besides answering.
class Exchange {
 public:
  virtual ~Exchange() = default;

  /// The strand of the connection.
  virtual asio::any_io_executor strand() = 0;

  /// Takes the body of the request that is answered: not before it is known who sends it. When it
  /// cannot be read this is the answer.
  virtual asio::awaitable<std::optional<Response>> ReadBody(Request* request) = 0;

  /// Answers 101. The connection is used up then, whatever comes of it.
  virtual asio::awaitable<Result<std::unique_ptr<ExecStream>>> AcceptWebSocket(
      const Subprotocol& subprotocol) = 0;

  /// Returns when the client has closed, or after StopWatching().
  virtual asio::awaitable<void> WatchClient() = 0;
  virtual void StopWatching() = 0;
};

}  // namespace nsdebug
