#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace nsdebug::kubectl {

/// What a node sends through a port-forward of one port (v4.channel.k8s.io). The first byte of a
/// message is its channel: 0 the data, 1 why the port is broken; others are none of ours. The first
/// two bytes of either channel are the port. However the messages are cut into pieces, and the
/// channels into messages, they mean the same.
class PortForwardDecoder {
 public:
  /// Takes a piece of a message, and whether the message ends with it. The data in it is left at
  /// its start; how many bytes that is.
  size_t Take(std::span<char> piece, bool message_done);

  /// The node has said that there is no port, or no longer.
  bool is_broken() const { return !reason_.empty(); }
  /// Why; one printable line, empty unless it is broken.
  std::string Reason() const;

 private:
  // Each channel begins with its port.
  static constexpr size_t kPortBytes = 2;

  void TakeReason(std::span<const char> text);

  bool has_channel_ = false;  ///< of the message that has begun
  char channel_ = 0;
  size_t data_port_left_ = kPortBytes;
  size_t error_port_left_ = kPortBytes;
  std::string reason_;
};

}  // namespace nsdebug::kubectl
