#include "agent/server/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <utility>

namespace nsdebug {

namespace {

// How often the files are looked at: a rotation need not be seen sooner, and an accept is cheap.
constexpr std::chrono::seconds kLookInterval{1};

// Without it OpenSSL refuses to resume sessions of servers that ask for certificates. Resumption is
// off below; this stays in case a peer tries all the same.
constexpr std::string_view kSessionContext = "ns-debug";

constexpr unsigned char kAlpn[] = "\x08http/1.1";

/// WebSocket needs HTTP/1.1: a client that could do HTTP/2 must not choose it.
int SelectAlpn(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_length,
               const unsigned char* in, unsigned in_length, void* /*argument*/) {
  unsigned char* chosen = nullptr;
  if (::SSL_select_next_proto(&chosen, out_length, kAlpn, sizeof(kAlpn) - 1, in, in_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// Any certificate will do; see the header.
int AcceptCertificate(int /*verified*/, X509_STORE_CTX* /*context*/) { return 1; }

void Configure(SSL_CTX* context) {
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &AcceptCertificate);
  // A resumed session would carry an identity that was not proven again.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_num_tickets(context, 0);
  ::SSL_CTX_set_session_id_context(context,
                                   reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                   static_cast<unsigned>(kSessionContext.size()));
  ::SSL_CTX_set_alpn_select_cb(context, &SelectAlpn, nullptr);
}

/// OpenSSL's reason for the last failure; it never holds a part of a key.
std::string LastReason() {
  const unsigned long code = ::ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return reason == nullptr ? "not readable" : reason;
}

std::chrono::system_clock::time_point NotAfter(SSL_CTX* context) {
  tm when{};
  ::ASN1_TIME_to_tm(::X509_get0_notAfter(::SSL_CTX_get0_certificate(context)), &when);
  return std::chrono::system_clock::from_time_t(::timegm(&when));
}

}  // namespace

Result<std::unique_ptr<TlsCertificate>> TlsCertificate::Load(std::string certificate_file,
                                                             std::string key_file) {
  std::unique_ptr<TlsCertificate> certificate(
      new TlsCertificate(std::move(certificate_file), std::move(key_file)));
  const std::scoped_lock lock(certificate->mutex_);
  if (Result<void> loaded = certificate->Reload(); !loaded) {
    return Propagate(std::move(loaded.error()));
  }
  return certificate;
}

TlsCertificate::Stamps TlsCertificate::Signature() const {
  return {StampOf(certificate_file_), StampOf(key_file_)};
}

/// Called with the mutex held.
Result<void> TlsCertificate::Reload() {
  looked_ = std::chrono::steady_clock::now();
  // Taken before reading: a change during it is seen by the next look.
  const Stamps signature = Signature();
  std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free);
  if (!context) return Fail(Code::kUnavailable, fmt::format("set TLS up: {}", LastReason()));
  SSL_CTX* native = context.get();
  Configure(native);
  if (::SSL_CTX_use_certificate_chain_file(native, certificate_file_.c_str()) != 1) {
    return Fail(Code::kInvalidArgument,
                fmt::format("read the TLS certificate {}: {}", certificate_file_, LastReason()));
  }
  if (::SSL_CTX_use_PrivateKey_file(native, key_file_.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Fail(Code::kInvalidArgument,
                fmt::format("read the TLS key {}: {}", key_file_, LastReason()));
  }
  if (::SSL_CTX_check_private_key(native) != 1) {
    return Fail(Code::kInvalidArgument, fmt::format("the TLS key {} is not that of {}: {}",
                                                    key_file_, certificate_file_, LastReason()));
  }
  signature_ = signature;
  not_after_ = NotAfter(native);
  context_ = std::move(context);
  return {};
}

std::shared_ptr<SSL_CTX> TlsCertificate::Current() {
  const std::scoped_lock lock(mutex_);
  if (std::chrono::steady_clock::now() >= looked_ + kLookInterval) {
    looked_ = std::chrono::steady_clock::now();
    if (Signature() != signature_) {
      // Half of a rotation, or what does not show in the signature: it is tried again.
      Result<void> loaded = Reload();
      std::string fault = loaded ? "" : std::move(loaded.error().message);
      if (fault != fault_) warning_ = fault;
      fault_ = std::move(fault);
    }
  }
  return context_;
}

std::string TlsCertificate::TakeWarning() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(warning_, {});
}

std::chrono::system_clock::time_point TlsCertificate::not_after() const {
  const std::scoped_lock lock(mutex_);
  return not_after_;
}

}  // namespace nsdebug
