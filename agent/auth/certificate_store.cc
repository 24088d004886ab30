#include "agent/auth/certificate_store.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <climits>
#include <memory>

namespace nsdebug {

namespace {

struct FreeBio {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { ::X509_free(certificate); }
};

// OpenSSL's own would ask on the terminal.
int NoPassword(char* /*password*/, int /*size*/, int /*is_writing*/, void* /*context*/) {
  return -1;
}

}  // namespace

Result<void> AddCertificates(x509_store_st& store, std::string_view pem, size_t max_certificates) {
  if (pem.size() > INT_MAX) return Fail(Code::kInvalidArgument, "too long");
  std::unique_ptr<BIO, FreeBio> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (text == nullptr) return Fail(Code::kInternal, "no memory");
  size_t count = 0;
  ::ERR_clear_error();
  for (;; ++count) {
    std::unique_ptr<X509, FreeCertificate> certificate(
        ::PEM_read_bio_X509(text.get(), nullptr, NoPassword, nullptr));
    if (certificate == nullptr) break;
    if (count == max_certificates) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("more than {} certificates", max_certificates));
    }
    if (::X509_STORE_add_cert(&store, certificate.get()) != 1) break;
  }
  // With one of two CAs, half of the peers would be locked out without a word.
  bool is_at_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ::ERR_clear_error();
  if (count == 0 || !is_at_end) {
    return Fail(Code::kInvalidArgument, "not a list of certificates in PEM");
  }
  return {};
}

}  // namespace nsdebug
