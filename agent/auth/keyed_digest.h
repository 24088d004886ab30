#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug {

/// HMAC-SHA256 under a random key of this object: equal texts have equal digests, and nobody who
/// lacks the key can find a text for a digest or choose one. Any thread may call.
class KeyedDigest {
 public:
  KeyedDigest();
  ~KeyedDigest();
  KeyedDigest(const KeyedDigest&) = delete;
  KeyedDigest& operator=(const KeyedDigest&) = delete;

  /// 32 bytes. kInternal: OpenSSL has no randomness or no memory.
  Result<std::string> Of(std::string_view text) const;

 private:
  std::array<unsigned char, 32> key_;
  bool has_key_;
};

/// Appends a text so that no two lists of texts give the same bytes: its length, ':', itself.
void AppendField(std::string& encoded, std::string_view field);

/// SHA-256, 32 bytes.
Result<std::string> Sha256(std::string_view text);

/// Lower-case hexadecimal digits.
std::string Hexadecimal(std::string_view bytes);

}  // namespace nsdebug
