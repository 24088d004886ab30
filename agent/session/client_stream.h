#pragma once

#include <string_view>

#include "agent/asio.h"
#include "base/error.h"

namespace nsdebug {

enum class Output { kStdout = 1, kStderr = 2 };

/// One thing that a client sends into its session.
struct ClientInput {
  enum class Kind {
    kStdin,     ///< `data`, which is valid until the next Read()
    kStdinEnd,  ///< no more of it
    kResize,    ///< of the terminal
    kGone,      ///< the client closed, was lost or broke the protocol: `data` says which
  };

  Kind kind = Kind::kGone;
  std::string_view data;
  unsigned short rows = 0;
  unsigned short columns = 0;
};

/// The client's side of a session, whatever protocol it speaks. All calls come from one strand; one
/// Read() and one Write() of each output may be under way at a time.
class ClientStream {
 public:
  virtual ~ClientStream() = default;

  /// Waits for what the client sends next. While nobody reads, the client is held back.
  virtual asio::awaitable<ClientInput> Read() = 0;

  /// Called from time to time while the command takes no input, and so nobody reads: tells the
  /// client that its silence has a reason. kUnavailable when it is gone: no Read() tells that then.
  virtual asio::awaitable<Result<void>> KeepAlive() = 0;

  /// Returns when the client's transport has taken the bytes; kUnavailable when it is gone.
  virtual asio::awaitable<Result<void>> Write(Output output, std::string_view data) = 0;

  /// Drops the client: what is under way returns, as gone.
  virtual void Abort() = 0;
};

}  // namespace nsdebug
