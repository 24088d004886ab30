#include "copy/digest.h"

// The functions of before OpenSSL 3: through EVP a static program has every algorithm that there
// is, in 4 MiB, for this one.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

namespace nsdebug {

struct Digest::State {
  SHA256_CTX context{};
};

// These cannot fail.
Digest::Digest() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }

Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;

void Digest::Add(std::string_view data) {
  SHA256_Update(&state_->context, data.data(), data.size());
}

std::string Digest::Finish() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> bytes{};
  SHA256_Final(bytes.data(), &state_->context);
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace nsdebug
