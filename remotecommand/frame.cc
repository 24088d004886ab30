#include "remotecommand/frame.h"

#include <fmt/format.h>

namespace nsdebug {

namespace {

constexpr uint8_t Number(Channel channel) { return static_cast<uint8_t>(channel); }

/// The data of a close signal: the number of one channel.
constexpr size_t kCloseBytes = 1;

}  // namespace

Result<FrameInput> FrameDecoder::Take(std::string_view piece, bool message_done) {
  if (!in_message_) {
    if (piece.empty()) return FrameInput{};
    channel_ = static_cast<uint8_t>(piece.front() - (subprotocol_.base64 ? '0' : 0));
    close_bytes_ = 0;
    piece.remove_prefix(1);
  }
  in_message_ = !message_done;

  const bool is_close = subprotocol_.has_close_signal && channel_ == Number(Channel::kClose);
  if (is_close) return TakeClose(piece, message_done);
  if (channel_ != Number(Channel::kStdin) && channel_ != Number(Channel::kResize)) {
    return FrameInput{};
  }
  Result<std::string_view> data = Plain(piece, message_done);
  if (!data) return Propagate(data.error(), fmt::format("channel {}", channel_));
  if (channel_ == Number(Channel::kStdin)) {
    if (data->empty() || stdin_ended_) return FrameInput{};
    return FrameInput{FrameInput::Kind::kStdin, *data, {}};
  }
  if (const auto size = resize_.Take(*data))
    return FrameInput{FrameInput::Kind::kResize, {}, *size};
  return FrameInput{};
}

Result<std::string_view> FrameDecoder::Plain(std::string_view piece, bool message_done) {
  if (!subprotocol_.base64) return piece;
  decoded_.clear();
  if (Result<void> taken = base64_.Decode(piece, &decoded_); !taken) {
    return Propagate(taken.error());
  }
  if (message_done) {
    if (Result<void> ended = base64_.Finish(); !ended) return Propagate(ended.error());
  }
  return decoded_;
}

Result<FrameInput> FrameDecoder::TakeClose(std::string_view data, bool message_done) {
  if (!data.empty()) closed_channel_ = static_cast<uint8_t>(data.front());
  close_bytes_ += data.size();
  if (close_bytes_ > kCloseBytes || (message_done && close_bytes_ != kCloseBytes)) {
    return Fail(Code::kInvalidArgument, "a close signal is two bytes: 255 and a channel");
  }
  if (!message_done) return FrameInput{};
  if (closed_channel_ >= kChannelCount) {
    return Fail(
        Code::kInvalidArgument,
        fmt::format("a close signal names channel {}, which does not exist", closed_channel_));
  }
  if (closed_channel_ != Number(Channel::kStdin) || stdin_ended_) return FrameInput{};
  stdin_ended_ = true;
  return FrameInput{FrameInput::Kind::kStdinEnd, {}, {}};
}

char ChannelPrefix(const Subprotocol& subprotocol, Channel channel) {
  return static_cast<char>(Number(channel) + (subprotocol.base64 ? '0' : 0));
}

std::string EncodeFrame(const Subprotocol& subprotocol, Channel channel, std::string_view data) {
  std::string message(1, ChannelPrefix(subprotocol, channel));
  message += subprotocol.base64 ? EncodeBase64(data) : std::string(data);
  return message;
}

std::string EncodeClose(Channel channel) {
  return {static_cast<char>(Channel::kClose), static_cast<char>(channel)};
}

}  // namespace nsdebug
