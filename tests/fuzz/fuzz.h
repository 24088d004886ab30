#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace nsdebug {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A property that holds for every input; libFuzzer keeps the one for which it does not.
inline void Require(bool holds) {
  if (!holds) std::abort();
}

/// Gives messages in pieces to the one and whole to the other, which must come to the same. In
/// `input` each piece is behind a byte with its length and, in the highest bit, whether it ends its
/// message.
template <class Meaning>
void TakePieces(std::string_view input, Meaning* in_pieces, Meaning* whole) {
  std::string message;
  while (!input.empty()) {
    const auto head = static_cast<uint8_t>(input.front());
    const std::string_view piece = input.substr(1, head & 0x7f);
    input.remove_prefix(1 + piece.size());
    const bool message_done = (head & 0x80) != 0 || input.empty();
    in_pieces->Take(piece, message_done);
    message += piece;
    if (!message_done) continue;
    whole->Take(message, true);
    message.clear();
  }
}

}  // namespace nsdebug

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
