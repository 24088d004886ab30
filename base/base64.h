#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug {

/// The standard alphabet with padding (RFC 4648 section 4), as Go's base64.StdEncoding.
std::string EncodeBase64(std::string_view data);

/// Decodes one text that arrives in pieces, cut anywhere. Strict, as Go is: only the alphabet, line
/// breaks anywhere, and padding up to a whole group of four.
class Base64Decoder {
 public:
  /// Appends what this piece completes; up to three characters wait for the next one.
  Result<void> Decode(std::string_view piece, std::string* decoded);

  /// The end of the text: kInvalidArgument inside a group. Ready for another text after that.
  Result<void> Finish();

 private:
  uint32_t group_ = 0;  ///< the bits of the characters that wait
  int characters_ = 0;  ///< of the group, padding included
  int padding_ = 0;
};

/// A whole text.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace nsdebug
