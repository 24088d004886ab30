#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kubectl/transport/byte_stream.h"

struct ssl_ctx_st;
struct ssl_st;

namespace nsdebug::kubectl {

/// The client's end of TLS on top of another stream. Asio's own takes one record from below at a
/// time, and wakes its reader for each; this one takes what is there, and hands it on together.
class TlsStream final : public ByteStream {
 public:
  TlsStream(std::unique_ptr<ByteStream> below, ssl_ctx_st* context);

  /// For what is to be set before Handshake(), and to be asked after it.
  ssl_st* ssl() { return ssl_.get(); }
  ByteStream& below() { return *below_; }

  asio::awaitable<boost::system::error_code> Handshake();

  asio::any_io_executor executor() override { return below_->executor(); }
  asio::awaitable<Transferred> Read(asio::mutable_buffer buffer) override;
  size_t ReadReady(asio::mutable_buffer buffer) override { return Decrypt(buffer).count; }
  asio::awaitable<Transferred> Write(asio::const_buffer buffer) override;
  /// Says that nothing more comes, and waits for the same word of the other end.
  asio::awaitable<void> Shutdown() override;
  void Close() override { below_->Close(); }
  std::string Reason() const override { return below_->Reason(); }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };

  Transferred Decrypt(asio::mutable_buffer buffer);
  asio::awaitable<boost::system::error_code> Receive();
  asio::awaitable<boost::system::error_code> Send();

  std::unique_ptr<ByteStream> below_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::vector<char> received_;  ///< which OpenSSL reads where it is
  bool was_filled_ = false;     ///< by the last Receive(): more may be on the way
  std::string to_send_;
  boost::system::error_code failed_;  ///< behind what has been decrypted
};

}  // namespace nsdebug::kubectl
