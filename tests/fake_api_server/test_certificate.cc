#include "tests/fake_api_server/test_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace nsdebug {

namespace {

void Check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  ::ERR_print_errors_fp(stderr);
  std::abort();
}

void AddNames(X509_NAME* subject, const std::string& attribute, int type,
              const std::vector<std::string>& values) {
  std::unique_ptr<ASN1_OBJECT, void (*)(ASN1_OBJECT*)> object(::OBJ_txt2obj(attribute.c_str(), 0),
                                                              ::ASN1_OBJECT_free);
  for (const std::string& value : values) {
    Check(::X509_NAME_add_entry_by_OBJ(subject, object.get(), type,
                                       reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), -1, 0) == 1,
          "X509_NAME_add_entry_by_OBJ");
  }
}

void AddExtension(X509* certificate, const X509* signer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, const_cast<X509*>(signer), certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      ::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), ::X509_EXTENSION_free);
  Check(extension != nullptr && ::X509_add_ext(certificate, extension.get(), -1) == 1,
        "X509_add_ext");
}

}  // namespace

TestCertificate::TestCertificate(const Spec& spec, const TestCertificate* issuer)
    : key_(EVP_EC_gen("P-256"), ::EVP_PKEY_free), certificate_(::X509_new(), ::X509_free) {
  static std::atomic<long> next_serial{1};
  X509* made = certificate_.get();
  Check(key_ != nullptr && made != nullptr, "make a key and a certificate");
  ::X509_set_version(made, X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(made), next_serial++);
  ::X509_gmtime_adj(::X509_getm_notBefore(made), spec.starts_in_seconds);
  ::X509_gmtime_adj(::X509_getm_notAfter(made), spec.ends_in_seconds);
  ::X509_set_pubkey(made, key_.get());
  X509_NAME* subject = ::X509_get_subject_name(made);
  AddNames(subject, "CN", spec.name_type, spec.common_names);
  AddNames(subject, "O", MBSTRING_UTF8, spec.organizations);
  AddNames(subject, "1.3.6.1.4.1.57683.2", V_ASN1_UTF8STRING, spec.uids);
  const X509* signer = issuer == nullptr ? made : issuer->certificate();
  ::X509_set_issuer_name(made, ::X509_get_subject_name(signer));
  AddExtension(made, signer, NID_basic_constraints,
               spec.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(made, signer, NID_ext_key_usage, spec.extended_key_usage);
  AddExtension(made, signer, NID_subject_alt_name, spec.subject_alternative_names);
  // As Go writes them: they tell two CAs of one name apart.
  AddExtension(made, signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) AddExtension(made, signer, NID_authority_key_identifier, "keyid:always");
  EVP_PKEY* signing_key = issuer == nullptr ? key_.get() : issuer->key();
  Check(::X509_sign(made, signing_key, ::EVP_sha256()) > 0, "X509_sign");
}

TestCertificate TestCertificate::Ca(const std::string& name) {
  return SelfSigned({.common_names = {name}, .extended_key_usage = "", .is_ca = true});
}

TestCertificate TestCertificate::SelfSigned(const Spec& spec) { return {spec, nullptr}; }

TestCertificate TestCertificate::Issue(const Spec& spec) const { return {spec, this}; }

TestCertificate TestCertificate::IssueServer() const {
  return Issue({.common_names = {"kube-apiserver"},
                .extended_key_usage = "serverAuth",
                .subject_alternative_names = "IP:127.0.0.1,IP:::1,DNS:localhost"});
}

std::string TestCertificate::pem() const {
  std::unique_ptr<BIO, int (*)(BIO*)> text(::BIO_new(::BIO_s_mem()), ::BIO_free);
  Check(::PEM_write_bio_X509(text.get(), certificate_.get()) == 1, "PEM_write_bio_X509");
  char* begin = nullptr;
  long size = BIO_get_mem_data(text.get(), &begin);
  return {begin, static_cast<size_t>(size)};
}

std::string TestCertificate::der() const {
  unsigned char* encoded = nullptr;
  int size = ::i2d_X509(certificate_.get(), &encoded);
  Check(size > 0, "i2d_X509");
  std::string der(reinterpret_cast<char*>(encoded), static_cast<size_t>(size));
  OPENSSL_free(encoded);
  return der;
}

}  // namespace nsdebug
