#include "kubectl/transport/tls_handshake.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl.hpp>
#include <utility>

#include "kubectl/transport/deadline.h"
#include "kubectl/transport/tls_stream.h"

namespace nsdebug::kubectl {

namespace {

namespace ssl = asio::ssl;

// WebSocket needs HTTP/1.1; the API server would else choose HTTP/2.
constexpr std::array<unsigned char, 9> kAlpn = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// The bundles of Debian, Fedora, Alpine and openSUSE: a static OpenSSL knows only the path of where
// it was built.
constexpr std::array kSystemBundles = {"/etc/ssl/certs/ca-certificates.crt",
                                       "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
                                       "/etc/ssl/ca-bundle.pem"};

void TrustSystem(ssl::context* context) {
  boost::system::error_code ignored;
  context->set_default_verify_paths(ignored);
  for (const char* bundle : kSystemBundles) {
    if (::access(bundle, R_OK) == 0) return (void)context->load_verify_file(bundle, ignored);
  }
}

/// Before OpenSSL's first use, which would else begin it in its own way. The machine's openssl.cnf
/// is for the machine's OpenSSL: it may name modules for that one, and here would only take time.
/// So would handing back, at the end, memory that the end of the process frees.
void BeginOpenSsl() {
  ::OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr);
}

Result<std::unique_ptr<ssl::context>> MakeContext(const TlsOptions& options) {
  BeginOpenSsl();
  auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  boost::system::error_code error;
  if (options.ca_pem.empty()) {
    TrustSystem(context.get());
  } else {
    context->add_certificate_authority(asio::buffer(options.ca_pem), error);
    if (error) return Fail(Code::kInvalidArgument, "the CA certificate is not good PEM");
    // As Go's clients: a certificate of the file is trusted, also when it is an intermediate one.
    ::X509_VERIFY_PARAM_set_flags(::SSL_CTX_get0_param(context->native_handle()),
                                  X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (!options.certificate_pem.empty()) {
    context->use_certificate_chain(asio::buffer(options.certificate_pem), error);
    if (error) return Fail(Code::kInvalidArgument, "the client certificate is not good PEM");
    context->use_private_key(asio::buffer(options.key_pem), ssl::context::pem, error);
    if (error) {
      return Fail(Code::kInvalidArgument,
                  "the client key is not good PEM, or not this certificate's");
    }
  }
  return context;
}

/// The name is checked by OpenSSL itself, with the chain.
void ExpectServer(SSL* native, const TlsOptions& options) {
  ::SSL_set_alpn_protos(native, kAlpn.data(), kAlpn.size());
  boost::system::error_code not_address;
  asio::ip::make_address(options.server_name, not_address);
  if (not_address) {
    ::SSL_set_tlsext_host_name(native, options.server_name.c_str());
    ::SSL_set1_host(native, options.server_name.c_str());
  } else {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(native), options.server_name.c_str());
  }
  ::SSL_set_verify(native, options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
}

bool IsCertificateBad(SSL* native) {
  return ::SSL_get_verify_mode(native) != SSL_VERIFY_NONE &&
         ::SSL_get_verify_result(native) != X509_V_OK;
}

Code CodeOf(SSL* native, const std::string& reason) {
  if (!reason.empty()) return Code::kFailedPrecondition;
  return IsCertificateBad(native) ? Code::kInvalidArgument : Code::kUnavailable;
}

/// The most telling of what is known.
std::string WhyNot(SSL* native, const std::string& error, const std::string& reason) {
  if (!reason.empty()) return reason;
  if (!IsCertificateBad(native)) return error;
  return ::X509_verify_cert_error_string(::SSL_get_verify_result(native));
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<ByteStream>>> StartTls(std::unique_ptr<ByteStream> below,
                                                              TlsOptions options,
                                                              std::chrono::milliseconds timeout) {
  Result<std::unique_ptr<ssl::context>> context = MakeContext(options);
  if (!context) co_return Propagate(std::move(context.error()));
  auto tls = std::make_unique<TlsStream>(std::move(below), (*context)->native_handle());
  ExpectServer(tls->ssl(), options);
  const Deadline deadline(tls->below(), timeout);
  const boost::system::error_code error = co_await tls->Handshake();
  if (deadline.has_passed()) {
    co_return Fail(Code::kDeadlineExceeded,
                   fmt::format("TLS with {}: no answer in time", options.server_name));
  }
  if (error) {
    const std::string reason = tls->Reason();
    co_return Fail(CodeOf(tls->ssl(), reason),
                   fmt::format("TLS with {}: {}", options.server_name,
                               WhyNot(tls->ssl(), error.message(), reason)));
  }
  co_return std::unique_ptr<ByteStream>(std::move(tls));
}

}  // namespace nsdebug::kubectl
