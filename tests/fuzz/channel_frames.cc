// Messages of a client, in pieces and whole: both must mean the same.

#include <array>
#include <optional>
#include <string>

#include "remotecommand/frame.h"
#include "tests/fuzz/fuzz.h"

namespace nsdebug {
namespace {

/// What messages have meant so far.
class Meaning {
 public:
  explicit Meaning(Subprotocol subprotocol) : decoder_(subprotocol) {}

  void Take(std::string_view piece, bool message_done) {
    if (failed_) return;
    Result<FrameInput> input = decoder_.Take(piece, message_done);
    failed_ = !input;
    if (failed_) return;
    // Base64 only shrinks, but for the characters of the piece before.
    if (input->kind == FrameInput::Kind::kStdin) {
      Require(!input->data.empty() && input->data.size() <= piece.size() + 3);
      Require(!ended_);
      stdin_ += input->data;
    }
    if (input->kind == FrameInput::Kind::kStdinEnd) {
      Require(!ended_);
      ended_ = true;
    }
    if (input->kind == FrameInput::Kind::kResize) size_ = input->size;
  }

  void RequireSame(const Meaning& other) const {
    Require(failed_ == other.failed_);
    // An error takes what its piece held before it along.
    if (failed_) return;
    Require(stdin_ == other.stdin_ && ended_ == other.ended_ && size_ == other.size_);
  }

 private:
  FrameDecoder decoder_;
  bool failed_ = false;
  bool ended_ = false;
  std::string stdin_;
  std::optional<TerminalSize> size_;
};

}  // namespace
}  // namespace nsdebug

/// The first byte chooses the subprotocol; then pieces, as TakePieces() has them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  if (size == 0) return 0;
  constexpr std::array<std::string_view, 3> kNames = {kV5, kV4, kV4Base64};
  const std::array<std::string, 1> offered = {std::string(kNames[data[0] % kNames.size()])};
  const Subprotocol subprotocol = Negotiate(offered).value();
  Meaning in_pieces(subprotocol);
  Meaning whole(subprotocol);
  TakePieces(AsText(data + 1, size - 1), &in_pieces, &whole);
  in_pieces.RequireSame(whole);
  return 0;
}
