#include "kubectl/transport/port_forward_decoder.h"

#include <algorithm>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

constexpr char kDataChannel = 0;
constexpr char kErrorChannel = 1;

constexpr size_t kMaxReasonBytes = 1024;

/// Without what is left of the port at its start.
std::span<char> SkipPort(std::span<char> piece, size_t& port_left) {
  const size_t skipped = std::min(port_left, piece.size());
  port_left -= skipped;
  return piece.subspan(skipped);
}

}  // namespace

size_t PortForwardDecoder::Take(std::span<char> piece, bool message_done) {
  std::span<char> rest = piece;
  // A piece may be empty, the first of its message too: the channel then comes with a later one.
  if (!has_channel_ && !rest.empty()) {
    channel_ = rest.front();
    has_channel_ = true;
    rest = rest.subspan(1);
  }
  const bool is_ours = has_channel_;
  if (message_done) has_channel_ = false;
  if (is_ours && channel_ == kErrorChannel) TakeReason(SkipPort(rest, error_port_left_));
  if (!is_ours || channel_ != kDataChannel) return 0;
  rest = SkipPort(rest, data_port_left_);
  std::copy(rest.begin(), rest.end(), piece.begin());
  return rest.size();
}

void PortForwardDecoder::TakeReason(std::span<const char> text) {
  reason_.append(text.data(), std::min(text.size(), kMaxReasonBytes - reason_.size()));
}

std::string PortForwardDecoder::Reason() const { return Printable(reason_, kMaxReasonBytes); }

}  // namespace nsdebug::kubectl
