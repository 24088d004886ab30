#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/error.h"
#include "remotecommand/channel.h"
#include "remotecommand/resize.h"
#include "remotecommand/subprotocol.h"

namespace nsdebug {

/// What one piece of a client's message means to the session.
struct FrameInput {
  enum class Kind {
    kNothing,   ///< more must come first, or it is ignored
    kStdin,     ///< `data`
    kStdinEnd,  ///< once
    kResize,    ///< `size`
  };

  Kind kind = Kind::kNothing;
  std::string_view data;  ///< never empty for kStdin
  TerminalSize size;
};

/// Takes a client's messages as they arrive, in pieces of any size: memory does not grow with the
/// messages. After an error the connection is of no more use.
class FrameDecoder {
 public:
  explicit FrameDecoder(Subprotocol subprotocol) : subprotocol_(subprotocol) {}

  /// The first piece of a message starts with its channel; `message_done` says that this piece is
  /// its last. `data` of the answer is a view into `piece`, or for base64 into the decoder until
  /// the next call. Whether the message came as text or as binary does not matter.
  ///
  /// Ignored: empty messages, channels that we do not read, stdin behind its end. kInvalidArgument:
  /// a close signal that is not one channel long or names no channel, and what is not base64.
  Result<FrameInput> Take(std::string_view piece, bool message_done);

 private:
  Result<std::string_view> Plain(std::string_view piece, bool message_done);
  Result<FrameInput> TakeClose(std::string_view data, bool message_done);

  Subprotocol subprotocol_;
  bool in_message_ = false;  ///< the channel has come
  uint8_t channel_ = 0;
  bool stdin_ended_ = false;
  size_t close_bytes_ = 0;
  uint8_t closed_channel_ = 0;
  Base64Decoder base64_;
  std::string decoded_;
  ResizeParser resize_;
};

/// The first byte of a message. With a binary subprotocol the data follows as it is, so that a
/// server can send the two without copying them together.
char ChannelPrefix(const Subprotocol& subprotocol, Channel channel);

/// A whole message: the prefix and `data`, as base64 where the subprotocol says so.
std::string EncodeFrame(const Subprotocol& subprotocol, Channel channel, std::string_view data);

/// The close signal of a channel, for clients of a subprotocol that has it.
std::string EncodeClose(Channel channel);

}  // namespace nsdebug
