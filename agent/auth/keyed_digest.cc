#include "agent/auth/keyed_digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace nsdebug {

namespace {

constexpr size_t kDigestBytes = 32;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Failure DigestFailure() {
  return Fail(Code::kInternal, "compute SHA-256: OpenSSL has no memory, randomness or provider");
}

}  // namespace

KeyedDigest::KeyedDigest()
    : has_key_(::RAND_priv_bytes(key_.data(), static_cast<int>(key_.size())) == 1) {}

KeyedDigest::~KeyedDigest() { ::OPENSSL_cleanse(key_.data(), key_.size()); }

Result<std::string> KeyedDigest::Of(std::string_view text) const {
  std::string digest(kDigestBytes, '\0');
  size_t size = 0;
  if (!has_key_ ||
      ::EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key_.data(), key_.size(),
                  Bytes(text), text.size(), reinterpret_cast<unsigned char*>(digest.data()),
                  digest.size(), &size) == nullptr ||
      size != kDigestBytes) {
    return DigestFailure();
  }
  return digest;
}

void AppendField(std::string& encoded, std::string_view field) {
  encoded += std::to_string(field.size());
  encoded += ':';
  encoded += field;
}

Result<std::string> Sha256(std::string_view text) {
  std::string digest(kDigestBytes, '\0');
  size_t size = 0;
  if (::EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(),
                     reinterpret_cast<unsigned char*>(digest.data()), &size) != 1 ||
      size != kDigestBytes) {
    return DigestFailure();
  }
  return digest;
}

std::string Hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (unsigned char byte : bytes) {
    digits += kDigits[byte >> 4];
    digits += kDigits[byte & 15];
  }
  return digits;
}

}  // namespace nsdebug
