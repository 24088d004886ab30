#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "kubectl/transport/asio.h"

namespace nsdebug::kubectl {

struct Transferred {
  boost::system::error_code error;
  size_t count = 0;
};

/// A connected stream of bytes, whatever carries it: TCP, TLS, a port-forward. The plugin puts
/// these into one another (TLS inside WebSocket inside TLS), and each layer is compiled once.
///
/// One thread. One Read() and one Write() may be under way at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  virtual asio::any_io_executor executor() = 0;

  /// Some bytes; the end of the stream is the error asio::error::eof.
  virtual asio::awaitable<Transferred> Read(asio::mutable_buffer buffer) = 0;
  /// What of it is here already, without waiting; 0 when Read() has to be asked. Not during one.
  virtual size_t ReadReady(asio::mutable_buffer /*buffer*/) { return 0; }
  /// Some of the bytes.
  virtual asio::awaitable<Transferred> Write(asio::const_buffer buffer) = 0;
  /// Ends the other end's stream in order where the layer can; bounded in time by who calls.
  virtual asio::awaitable<void> Shutdown() = 0;
  /// At once: what is under way returns with an error.
  virtual void Close() = 0;

  /// Why it ended, where the other side of a layer has told; empty when none did.
  virtual std::string Reason() const = 0;
};

}  // namespace nsdebug::kubectl
