#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "kubectl/transport/byte_stream.h"

namespace nsdebug::kubectl {

/// A ByteStream with the face that Asio's and Beast's own layers want below them.
class LayeredStream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = LayeredStream;

  explicit LayeredStream(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  executor_type get_executor() { return stream_->executor(); }
  LayeredStream& lowest_layer() { return *this; }
  ByteStream& stream() { return *stream_; }
  const ByteStream& stream() const { return *stream_; }
  /// For another layer than ours.
  std::unique_ptr<ByteStream> Release() { return std::move(stream_); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const asio::mutable_buffer buffer = FirstOf<asio::mutable_buffer>(buffers);
    // A coroutine for each costs more than what it would bring.
    if (const size_t ready = stream_->ReadReady(buffer); ready > 0) {
      return Complete(std::forward<Token>(token), ready);
    }
    return Initiate(std::forward<Token>(token), [this, buffer] { return ReadSome(buffer); });
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const asio::const_buffer buffer = Gather(buffers);
    return Initiate(std::forward<Token>(token), [this, buffer] { return stream_->Write(buffer); });
  }

 private:
  // A TLS record.
  static constexpr size_t kGatherBytes = 16 << 10;

  /// Nothing is read at once: Asio's TLS asks for that to be called back later, with what it has
  /// already. A WebSocket below would wait for the next message, which may never come.
  asio::awaitable<Transferred> ReadSome(asio::mutable_buffer buffer) {
    if (buffer.size() == 0) co_return Transferred{};
    co_return co_await stream_->Read(buffer);
  }

  /// Nobody is called back from inside the call that starts an operation.
  template <class Token>
  auto Complete(Token&& token, size_t count) {
    return asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [](auto handler, const asio::any_io_executor& executor, size_t done) {
          asio::post(executor, boost::beast::bind_front_handler(std::move(handler),
                                                                boost::system::error_code(), done));
        },
        token, get_executor(), count);
  }

  template <class Token, class Operation>
  auto Initiate(Token&& token, Operation operation) {
    return asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [](auto handler, asio::any_io_executor executor, Operation start) {
          asio::co_spawn(executor, std::move(start),
                         [handler = std::move(handler)](const std::exception_ptr& thrown,
                                                        Transferred done) mutable {
                           if (thrown) done.error = asio::error::operation_aborted;
                           std::move(handler)(done.error, done.count);
                         });
        },
        token, get_executor(), std::move(operation));
  }

  template <class Buffer, class Buffers>
  static Buffer FirstOf(const Buffers& buffers) {
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
         ++it) {
      const Buffer buffer(*it);
      if (buffer.size() > 0) return buffer;
    }
    return Buffer();
  }

  /// A frame's header and the start of its payload in one piece, or each would be a TLS record.
  template <class Buffers>
  asio::const_buffer Gather(const Buffers& buffers) {
    const auto first = FirstOf<asio::const_buffer>(buffers);
    if (first.size() >= kGatherBytes || first.size() == asio::buffer_size(buffers)) return first;
    gathered_.resize(kGatherBytes);
    return asio::buffer(gathered_, asio::buffer_copy(asio::buffer(gathered_), buffers));
  }

  std::unique_ptr<ByteStream> stream_;
  std::vector<char> gathered_;
};

/// Beast's customization points: how a WebSocket on top lets go of the stream.
inline void beast_close_socket(LayeredStream& stream) { stream.stream().Close(); }

template <class Handler>
void async_teardown(boost::beast::role_type /*role*/, LayeredStream& stream, Handler&& handler) {
  asio::co_spawn(
      stream.get_executor(), [&stream] { return stream.stream().Shutdown(); },
      [handler = std::forward<Handler>(handler)](const std::exception_ptr&) mutable {
        std::move(handler)(boost::system::error_code());
      });
}

}  // namespace nsdebug::kubectl
