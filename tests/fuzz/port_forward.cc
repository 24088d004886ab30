// What a node sends through a port-forward, in pieces and whole: both must mean the same.

#include <string>

#include "kubectl/transport/port_forward_decoder.h"
#include "tests/fuzz/fuzz.h"

namespace nsdebug::kubectl {
namespace {

class Meaning {
 public:
  void Take(std::string_view piece, bool message_done) {
    std::string buffer(piece);
    const size_t kept = decoder_.Take(buffer, message_done);
    Require(kept <= piece.size());
    // It is the end of the piece: what is before it is channel and port.
    Require(std::string_view(buffer).substr(0, kept) == piece.substr(piece.size() - kept));
    data_ += buffer.substr(0, kept);
  }

  void RequireSame(const Meaning& other) const {
    Require(data_ == other.data_);
    Require(decoder_.is_broken() == other.decoder_.is_broken());
    Require(decoder_.Reason() == other.decoder_.Reason());
  }

  void RequireReadable() const {
    const std::string reason = decoder_.Reason();
    Require(reason.empty() == !decoder_.is_broken());
    // 1 KiB, of which each byte may be shown as four.
    Require(reason.size() <= 4096);
    for (const char c : reason) Require(c >= 0x20 && c < 0x7f);
  }

 private:
  PortForwardDecoder decoder_;
  std::string data_;
};

}  // namespace
}  // namespace nsdebug::kubectl

/// Pieces, as TakePieces() has them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  kubectl::Meaning in_pieces;
  kubectl::Meaning whole;
  TakePieces(AsText(data, size), &in_pieces, &whole);
  in_pieces.RequireSame(whole);
  in_pieces.RequireReadable();
  return 0;
}
