#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "kubectl/exec/input_reader.h"
#include "kubectl/exec/keep_alive.h"
#include "kubectl/exec/local_descriptors.h"
#include "kubectl/exec/output_writer.h"
#include "kubectl/exec/session_output.h"
#include "kubectl/exec/terminal.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/web_socket.h"
#include "remotecommand/exec_status.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug::kubectl {

/// A remote command and our own streams: carries bytes between them until it ends.
class RemoteSession {
 public:
  struct Options {
    bool has_stdin = false;
    bool has_tty = false;         ///< stdin is a terminal, in raw mode
    LocalDescriptors local = {};  ///< they outlive the session
  };

  /// `subprotocol` is the one that was chosen.
  RemoteSession(std::unique_ptr<WebSocketStream> socket, Subprotocol subprotocol, Options options);

  /// How the command ended. kUnavailable: the connection was lost, and nobody knows; kAborted: the
  /// person left with "~." or a signal came.
  asio::awaitable<Result<ExecStatus>> Run();

 private:
  asio::awaitable<Result<ExecStatus>> Receive();
  asio::awaitable<Result<ExecStatus>> ReceiveAll();
  asio::awaitable<Result<void>> TakePiece(std::string_view piece);
  asio::awaitable<void> ReadInput();
  asio::awaitable<void> SendAll();
  asio::awaitable<bool> Send(const std::string& message);
  asio::awaitable<void> WatchSignals();
  asio::awaitable<void> WatchOutput();
  asio::awaitable<void> AskForPing();
  void Leave(std::string why);
  void Wake() { wake_.cancel(); }

  std::unique_ptr<WebSocketStream> socket_;
  const Subprotocol subprotocol_;
  const Options options_;
  InputReader local_input_;
  OutputWriter output_;
  EscapeFilter escape_;

  // What is to be sent, by SendAll() alone: one message at a time may be on its way.
  std::optional<TerminalSize> size_;
  std::string input_;
  bool input_ended_ = false;
  bool end_sent_ = false;
  bool wants_ping_ = false;
  asio::steady_timer wake_;
  asio::steady_timer taken_;  ///< cancelled when input_ has been sent

  SessionOutput received_;
  KeepAlive keep_alive_;

  bool over_ = false;
  std::optional<std::string> left_;  ///< why we went, when we did
};

}  // namespace nsdebug::kubectl
