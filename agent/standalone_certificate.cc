#include "agent/standalone_certificate.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <memory>

namespace nsdebug {

namespace {

using Clock = std::chrono::system_clock;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using NamePtr = std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>>;

constexpr std::chrono::minutes kClockSkew{5};
constexpr size_t kMaxCommonNameBytes = 64;  // ub-common-name of X.509
constexpr size_t kSerialBytes = 16;

// OpenSSL's own queue of errors belongs to the thread, and must not meet the next caller.
Failure FailOpenSsl(std::string_view operation) {
  const unsigned long code = ::ERR_get_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return Fail(Code::kInternal,
              fmt::format("{}: {}", operation, reason == nullptr ? "OpenSSL failed" : reason));
}

CertificatePtr ParseCertificate(const std::string& pem) {
  const BioPtr bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CertificatePtr certificate(bio ? ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)
                                 : nullptr);
  ::ERR_clear_error();
  return certificate;
}

KeyPtr ParseKey(const std::string& pem) {
  // Without a callback OpenSSL would ask the terminal for the password of an encrypted one.
  constexpr auto kNoPassword = [](char*, int, int, void*) { return -1; };
  const BioPtr bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KeyPtr key(bio ? ::PEM_read_bio_PrivateKey(bio.get(), nullptr, kNoPassword, nullptr) : nullptr);
  ::ERR_clear_error();
  return key;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (::RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, and never short
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
      ::BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate));
}

bool SetSubject(X509* certificate, const std::string& host) {
  const std::string name = host.substr(0, kMaxCommonNameBytes);
  X509_NAME* subject = ::X509_get_subject_name(certificate);
  return ::X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(name.data()),
                                      static_cast<int>(name.size()), -1, 0) == 1 &&
         ::X509_set_issuer_name(certificate, subject) == 1;
}

bool SetTimes(X509* certificate, Clock::time_point now, std::chrono::seconds lifetime) {
  return ::ASN1_TIME_set(::X509_getm_notBefore(certificate), Clock::to_time_t(now - kClockSkew)) &&
         ::ASN1_TIME_set(::X509_getm_notAfter(certificate), Clock::to_time_t(now + lifetime));
}

bool AddExtension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(::X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Built from values, not from OpenSSL's "DNS:a,IP:b" syntax: a comma in a name stays in the name.
bool AddName(GENERAL_NAMES* names, int kind, ASN1_STRING* value) {
  NamePtr name(::GENERAL_NAME_new());
  if (!name || value == nullptr) return false;
  ::GENERAL_NAME_set0_value(name.get(), kind, value);
  if (::sk_GENERAL_NAME_push(names, name.get()) == 0) return false;
  (void)name.release();
  return true;
}

bool AddNames(X509* certificate, const CertificateNames& names) {
  const NamesPtr all(::GENERAL_NAMES_new());
  if (!all) return false;
  for (const std::string& host : names.hosts) {
    ASN1_IA5STRING* value = ::ASN1_IA5STRING_new();
    if (value != nullptr) {
      ::ASN1_STRING_set(value, host.data(), static_cast<int>(host.size()));
    }
    if (!AddName(all.get(), GEN_DNS, value)) return false;
  }
  for (const std::string& address : names.addresses) {
    if (!AddName(all.get(), GEN_IPADD, ::a2i_IPADDRESS(address.c_str()))) return false;
  }
  return ::X509_add1_ext_i2d(certificate, NID_subject_alt_name, all.get(), 0, 0) == 1;
}

}  // namespace

Result<CertificateAndKey> MakeCertificate(const CertificateNames& names, Clock::time_point now,
                                          std::chrono::seconds lifetime) {
  constexpr int kVersion3 = 2;
  const KeyPtr key(::EVP_EC_gen("P-256"));
  const CertificatePtr certificate(::X509_new());
  const bool is_made =
      key && certificate && ::X509_set_version(certificate.get(), kVersion3) == 1 &&
      SetSerial(certificate.get()) && SetSubject(certificate.get(), names.hosts.front()) &&
      SetTimes(certificate.get(), now, lifetime) &&
      ::X509_set_pubkey(certificate.get(), key.get()) == 1 &&
      AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(certificate.get(), NID_key_usage, "critical,digitalSignature") &&
      AddExtension(certificate.get(), NID_ext_key_usage, "serverAuth") &&
      AddExtension(certificate.get(), NID_subject_key_identifier, "hash") &&
      AddNames(certificate.get(), names) &&
      ::X509_sign(certificate.get(), key.get(), ::EVP_sha256()) > 0;
  if (!is_made) return FailOpenSsl("make certificate");
  const BioPtr certificate_text(::BIO_new(::BIO_s_mem()));
  const BioPtr key_text(::BIO_new(::BIO_s_secmem()));
  if (!certificate_text || !key_text ||
      ::PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      ::PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) != 1) {
    return FailOpenSsl("write certificate");
  }
  return CertificateAndKey{TextOf(certificate_text.get()), TextOf(key_text.get())};
}

bool IsGoodCertificate(const CertificateAndKey& pair, const CertificateNames& names,
                       Clock::time_point now, std::chrono::seconds least) {
  const CertificatePtr certificate = ParseCertificate(pair.certificate);
  const KeyPtr key = ParseKey(pair.key);
  if (!certificate || !key) return false;
  // The agent ended between writing the one and the other.
  const bool is_pair = ::X509_check_private_key(certificate.get(), key.get()) == 1;
  ::ERR_clear_error();
  time_t from = Clock::to_time_t(now);
  time_t until = Clock::to_time_t(now + least);
  if (!is_pair || ::X509_cmp_time(::X509_get0_notBefore(certificate.get()), &from) != -1 ||
      ::X509_cmp_time(::X509_get0_notAfter(certificate.get()), &until) != 1) {
    return false;
  }
  return std::all_of(names.hosts.begin(), names.hosts.end(),
                     [&](const std::string& host) {
                       return ::X509_check_host(certificate.get(), host.data(), host.size(), 0,
                                                nullptr) == 1;
                     }) &&
         std::all_of(names.addresses.begin(), names.addresses.end(),
                     [&](const std::string& address) {
                       return ::X509_check_ip_asc(certificate.get(), address.c_str(), 0) == 1;
                     });
}

Result<std::string> CertificateFingerprint(const std::string& certificate) {
  const CertificatePtr parsed = ParseCertificate(certificate);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (!parsed || ::X509_digest(parsed.get(), ::EVP_sha256(), digest.data(), &size) != 1) {
    return FailOpenSsl("read certificate");
  }
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  }
  return text;
}

}  // namespace nsdebug
