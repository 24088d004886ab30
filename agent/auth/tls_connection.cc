#include "agent/auth/tls_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "agent/auth/certificate_store.h"

namespace nsdebug {

namespace {

using Clock = TlsConnection::Clock;

// The names of a load balancer's addresses; more are not tried.
constexpr int kMaxAddresses = 8;
// A file with the CAs of the whole web has less than 200.
constexpr size_t kMaxServingCas = 1'000;
constexpr unsigned char kHttp11[] = "\x08http/1.1";

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// OpenSSL's own socket BIO calls write(2), which raises SIGPIPE at a connection that the peer
// closed. This one differs in the flag alone.
int SocketOf(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(::BIO_get_data(bio))); }

void NoteRetry(BIO* bio, ssize_t count, void (*note)(BIO*)) {
  ::BIO_clear_retry_flags(bio);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) note(bio);
}

int BioWrite(BIO* bio, const char* data, int size) {
  ssize_t count = ::send(SocketOf(bio), data, static_cast<size_t>(size), MSG_NOSIGNAL);
  NoteRetry(bio, count, [](BIO* b) { BIO_set_retry_write(b); });
  return static_cast<int>(count);
}

int BioRead(BIO* bio, char* data, int size) {
  ssize_t count = ::recv(SocketOf(bio), data, static_cast<size_t>(size), 0);
  NoteRetry(bio, count, [](BIO* b) { BIO_set_retry_read(b); });
  if (count == 0) ::BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

long BioControl(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return ::BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

const BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (made != nullptr) {
      ::BIO_meth_set_write(made, BioWrite);
      ::BIO_meth_set_read(made, BioRead);
      ::BIO_meth_set_ctrl(made, BioControl);
    }
    return made;
  }();
  return method;
}

BIO* MakeBio(int socket) {
  const BIO_METHOD* method = SocketMethod();
  BIO* bio = method == nullptr ? nullptr : ::BIO_new(method);
  if (bio == nullptr) return nullptr;
  ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(socket)));
  ::BIO_set_init(bio, 1);
  return bio;
}

// False at the deadline.
bool WaitFor(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{fd, events, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left.count(), INT32_MAX))) > 0) {
      return true;
    }
  }
}

Result<Addresses> Resolve(const ApiEndpoint& endpoint) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (endpoint.is_address ? AI_NUMERICHOST : 0);
  addrinfo* list = nullptr;
  // The one step that no deadline ends: resolv.conf(5) bounds it. In a pod the host is an address.
  int error =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
  if (error != 0) {
    return Fail(Code::kUnavailable,
                fmt::format("resolve {}: {}", endpoint.host, ::gai_strerror(error)));
  }
  return Addresses(list);
}

Result<UniqueFd> ConnectTo(const addrinfo& address, Clock::time_point deadline) {
  UniqueFd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return FailErrno("socket");
  // With Nagle's algorithm the body would wait for the acknowledgement of the head.
  int yes = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return FailErrno("connect");
  if (!WaitFor(socket.get(), POLLOUT, deadline)) {
    return Fail(Code::kDeadlineExceeded, "connect: no answer in time");
  }
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return FailErrno("connect", error);
  return socket;
}

Result<UniqueFd> Connect(const ApiEndpoint& endpoint, Clock::time_point deadline) {
  Result<Addresses> addresses = Resolve(endpoint);
  if (!addresses) return Propagate(addresses.error());
  int left = 0;
  for (const addrinfo* address = addresses->get(); address != nullptr && left < kMaxAddresses;
       address = address->ai_next) {
    ++left;
  }
  Error last{Code::kUnavailable, "no address"};
  for (const addrinfo* address = addresses->get(); left > 0; address = address->ai_next, --left) {
    // An address that swallows packets leaves time for those behind it.
    auto now = Clock::now();
    Result<UniqueFd> socket = ConnectTo(*address, now + (deadline - now) / left);
    if (socket) return socket;
    last = socket.error();
  }
  if (last.code != Code::kDeadlineExceeded) last.code = Code::kUnavailable;
  return Failure(std::move(last));
}

// Why the last call into OpenSSL failed on this thread.
std::string OpenSslReason() {
  unsigned long error = ::ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ::ERR_reason_error_string(error);
  return reason == nullptr ? "the connection was closed" : reason;
}

}  // namespace

Result<TlsContext> MakeTlsContext(const std::string& ca_pem) {
  TlsContext context(::SSL_CTX_new(::TLS_client_method()),
                     [](SSL_CTX* made) { ::SSL_CTX_free(made); });
  if (context == nullptr) return Fail(Code::kInternal, "no memory for TLS");
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* verification = ::SSL_CTX_get0_param(context.get());
  // As Go's clients: a certificate of the file is trusted, also when it is an intermediate one.
  ::X509_VERIFY_PARAM_set_flags(verification, X509_V_FLAG_PARTIAL_CHAIN);
  ::X509_VERIFY_PARAM_set_hostflags(verification, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      ::SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof(kHttp11) - 1) != 0) {
    return Fail(Code::kInternal, "no memory for TLS");
  }
  Result<void> added =
      AddCertificates(*::SSL_CTX_get_cert_store(context.get()), ca_pem, kMaxServingCas);
  if (!added) return Propagate(added.error());
  return context;
}

Result<std::unique_ptr<TlsConnection>> TlsConnection::Open(const ApiEndpoint& endpoint,
                                                           const TlsContext& context,
                                                           Clock::time_point deadline) {
  Result<UniqueFd> socket = Connect(endpoint, deadline);
  if (!socket) return Propagate(socket.error());
  std::unique_ptr<TlsConnection> connection(new TlsConnection(*std::move(socket), context));
  Result<void> ready = connection->Handshake(endpoint, deadline);
  if (!ready) return Propagate(ready.error());
  return connection;
}

TlsConnection::~TlsConnection() {
  if (ssl_ == nullptr) return;
  // A close_notify is a courtesy; on a broken connection it fails at once.
  if (::SSL_is_init_finished(ssl_) == 1) ::SSL_shutdown(ssl_);
  ::SSL_free(ssl_);
  ::ERR_clear_error();
}

Result<void> TlsConnection::Handshake(const ApiEndpoint& endpoint, Clock::time_point deadline) {
  ssl_ = ::SSL_new(context_.get());
  BIO* bio = ssl_ == nullptr ? nullptr : MakeBio(socket_.get());
  if (bio == nullptr) return Fail(Code::kInternal, "no memory for TLS");
  ::SSL_set_bio(ssl_, bio, bio);
  const char* host = endpoint.host.c_str();
  bool is_named = endpoint.is_address
                      ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_), host) == 1
                      : ::SSL_set1_host(ssl_, host) == 1 &&
                            SSL_set_tlsext_host_name(ssl_, const_cast<char*>(host)) == 1;
  if (!is_named) return Fail(Code::kInternal, "TLS: not a host name");
  for (;;) {
    ::ERR_clear_error();
    int result = ::SSL_connect(ssl_);
    if (result == 1) return {};
    if (WaitAfter(result, deadline)) continue;
    if (has_expired_) return Fail(Code::kDeadlineExceeded, "TLS handshake: no answer in time");
    long verified = ::SSL_get_verify_result(ssl_);
    if (verified != X509_V_OK) {
      return Fail(Code::kUnavailable, fmt::format("TLS handshake: the server's certificate: {}",
                                                  ::X509_verify_cert_error_string(verified)));
    }
    return Fail(Code::kUnavailable, "TLS handshake: " + OpenSslReason());
  }
}

bool TlsConnection::WaitAfter(int result, Clock::time_point deadline) {
  int error = ::SSL_get_error(ssl_, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
  short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
  has_expired_ = !WaitFor(socket_.get(), events, deadline);
  return !has_expired_;
}

bool TlsConnection::IsQuiet() {
  // Not poll(2): what lies in the socket may be a session ticket of TLS 1.3, which OpenSSL takes in
  // here.
  char byte = 0;
  ::ERR_clear_error();
  int result = ::SSL_peek(ssl_, &byte, 1);
  return result <= 0 && ::SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ;
}

ssize_t TlsConnection::Read(char* data, size_t size, Clock::time_point deadline) {
  for (;;) {
    // First, or a peer that always has more would keep us past the deadline.
    has_expired_ = Clock::now() >= deadline;
    if (has_expired_) return -1;
    ::ERR_clear_error();
    int result = ::SSL_read(ssl_, data, static_cast<int>(std::min<size_t>(size, INT32_MAX)));
    if (result > 0) return result;
    if (::SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN) return 0;
    if (!WaitAfter(result, deadline)) return -1;
  }
}

ssize_t TlsConnection::Write(const char* data, size_t size, Clock::time_point deadline) {
  for (;;) {
    has_expired_ = Clock::now() >= deadline;
    if (has_expired_) return -1;
    ::ERR_clear_error();
    int result = ::SSL_write(ssl_, data, static_cast<int>(std::min<size_t>(size, INT32_MAX)));
    if (result > 0) return result;
    if (!WaitAfter(result, deadline)) return -1;
  }
}

}  // namespace nsdebug
