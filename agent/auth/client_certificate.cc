#include "agent/auth/client_certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "agent/auth/denial.h"
#include "agent/auth/keyed_digest.h"

namespace nsdebug {

namespace {

constexpr char kCredentialId[] = "authentication.kubernetes.io/credential-id";
// Kubernetes' own attribute of a subject, for the user's uid.
constexpr char kUidOid[] = "1.3.6.1.4.1.57683.2";
// SSL_CTX_set_security_level(3): RSA keys of 2048 bits and SHA-256 pass, SHA-1 does not.
constexpr int kSecurityLevel = 2;

struct FreeCertificate {
  void operator()(X509* certificate) const { ::X509_free(certificate); }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
struct FreeVerification {
  void operator()(X509_STORE_CTX* verification) const { ::X509_STORE_CTX_free(verification); }
};
struct FreeObject {
  void operator()(ASN1_OBJECT* object) const { ::ASN1_OBJECT_free(object); }
};
struct FreeBytes {
  void operator()(unsigned char* bytes) const { OPENSSL_free(bytes); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

Failure Refused(std::string_view why) {
  return Fail(Code::kUnauthenticated, fmt::format("client certificate: {}", why));
}

Result<std::vector<Certificate>> ParseChain(const std::vector<std::string>& encoded) {
  if (encoded.size() > kMaxChainCertificates) {
    return Refused(fmt::format("more than {} certificates", kMaxChainCertificates));
  }
  std::vector<Certificate> chain;
  for (const std::string& der : encoded) {
    if (der.size() > kMaxCertificateBytes) {
      return Refused(fmt::format("longer than {} bytes", kMaxCertificateBytes));
    }
    const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
    const unsigned char* end = begin;
    Certificate certificate(::d2i_X509(nullptr, &end, static_cast<long>(der.size())));
    // Bytes behind it would be a second spelling of the same certificate.
    if (certificate == nullptr || end != begin + der.size()) return Refused("malformed");
    chain.push_back(std::move(certificate));
  }
  return chain;
}

// One value of the subject. Other types of text are those of the last century, in which one byte
// sequence has several readings.
Result<std::string> TextOf(const ASN1_STRING* value) {
  int type = ::ASN1_STRING_type(value);
  if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING && type != V_ASN1_IA5STRING) {
    return Refused(
        "a name in its subject has a type other than UTF8String, PrintableString and "
        "IA5String");
  }
  unsigned char* converted = nullptr;
  int size = ::ASN1_STRING_to_UTF8(&converted, value);
  std::unique_ptr<unsigned char, FreeBytes> owner(converted);
  if (size < 0) return Refused("a name in its subject is not UTF-8");
  std::string text(reinterpret_cast<const char*>(converted), static_cast<size_t>(size));
  // "alice\0.example" is alice to whoever stops at NUL.
  if (text.find('\0') != std::string::npos) return Refused("a name in its subject has a NUL byte");
  bool is_ascii =
      std::all_of(text.begin(), text.end(), [](char byte) { return (byte & 0x80) == 0; });
  if (type != V_ASN1_UTF8STRING && !is_ascii) return Refused("a name in its subject is not ASCII");
  return text;
}

// All values of one attribute of the subject, in their order.
Result<std::vector<std::string>> ValuesOf(const X509* certificate, const ASN1_OBJECT* attribute) {
  const X509_NAME* subject = ::X509_get_subject_name(certificate);
  std::vector<std::string> values;
  int place = -1;
  while ((place = ::X509_NAME_get_index_by_OBJ(subject, attribute, place)) >= 0) {
    Result<std::string> text =
        TextOf(::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, place)));
    if (!text) return Propagate(text.error());
    if (!text->empty()) values.push_back(*std::move(text));
  }
  return values;
}

Result<Identity> IdentityOf(const X509* certificate, const std::string& der) {
  std::unique_ptr<ASN1_OBJECT, FreeObject> uid_object(::OBJ_txt2obj(kUidOid, /*no_name=*/1));
  if (uid_object == nullptr) return Fail(Code::kInternal, "client certificate: no memory");
  auto names = ValuesOf(certificate, ::OBJ_nid2obj(NID_commonName));
  if (!names) return Propagate(names.error());
  auto groups = ValuesOf(certificate, ::OBJ_nid2obj(NID_organizationName));
  if (!groups) return Propagate(groups.error());
  auto uids = ValuesOf(certificate, uid_object.get());
  if (!uids) return Propagate(uids.error());
  if (names->empty()) return Refused("its subject has no CN, which would be the user");
  // Whoever reads the first one sees another user than whoever reads the last.
  if (names->size() > 1) return Refused("its subject has more than one CN");
  if (uids->size() > 1) return Refused("its subject has more than one uid");
  Result<std::string> fingerprint = Sha256(der);
  if (!fingerprint) return Propagate(fingerprint.error(), "client certificate");
  Identity identity{.user = std::move(names->front()),
                    .uid = uids->empty() ? "" : std::move(uids->front()),
                    .groups = *std::move(groups),
                    .extra = {{kCredentialId, {"X509SHA256=" + Hexadecimal(*fingerprint)}}}};
  AddAuthenticatedGroup(identity);
  return identity;
}

// OpenSSL alone takes a certificate without the extension as good for anything.
bool IsForClients(X509* certificate) {
  return (::X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
         (::X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0;
}

Result<void> Verify(X509_STORE* pool, const std::vector<Certificate>& chain) {
  std::unique_ptr<STACK_OF(X509), FreeStack> intermediates(sk_X509_new_null());
  std::unique_ptr<X509_STORE_CTX, FreeVerification> verification(::X509_STORE_CTX_new());
  bool is_ready = intermediates != nullptr && verification != nullptr;
  for (size_t i = 1; is_ready && i < chain.size(); ++i) {
    is_ready = sk_X509_push(intermediates.get(), chain[i].get()) > 0;
  }
  if (!is_ready || ::X509_STORE_CTX_init(verification.get(), pool, chain.front().get(),
                                         intermediates.get()) != 1) {
    return Fail(Code::kInternal, "client certificate: no memory");
  }
  X509_VERIFY_PARAM* parameters = ::X509_STORE_CTX_get0_param(verification.get());
  // As Go: what is in the pool is trusted, also an intermediate CA whose root is not there.
  if (::X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
      ::X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) != 1) {
    return Fail(Code::kInternal, "client certificate: no memory");
  }
  ::X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(kMaxChainCertificates));
  ::X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  int verified = ::X509_verify_cert(verification.get());
  int error = ::X509_STORE_CTX_get_error(verification.get());
  ::ERR_clear_error();
  if (verified != 1) return Refused(::X509_verify_cert_error_string(error));
  if (!IsForClients(chain.front().get())) {
    return Refused("its extended key usage does not have clientAuth");
  }
  return {};
}

Result<std::optional<Identity>> Authenticate(X509_STORE* pool,
                                             const std::vector<std::string>& encoded) {
  Result<std::vector<Certificate>> chain = ParseChain(encoded);
  ::ERR_clear_error();
  if (!chain) return Propagate(chain.error());
  Result<void> verified = Verify(pool, *chain);
  if (!verified) return Propagate(verified.error());
  Result<Identity> identity = IdentityOf(chain->front().get(), encoded.front());
  ::ERR_clear_error();
  if (!identity) return Propagate(identity.error());
  return *std::move(identity);
}

}  // namespace

Result<std::optional<Identity>> ClientCertificate::Authenticate(const Credentials& credentials) {
  if (credentials.certificates.empty()) return std::nullopt;
  Result<CertificatePool> pool = client_ca_.Pool();
  if (!pool) return Propagate(pool.error(), "client certificate");
  if (*pool == nullptr) return std::nullopt;
  return nsdebug::Authenticate(pool->get(), credentials.certificates);
}

}  // namespace nsdebug
