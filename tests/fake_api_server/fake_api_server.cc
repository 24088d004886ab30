#include "tests/fake_api_server/fake_api_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

namespace nsdebug {

namespace {

// A fake that cannot start must stop the test program: no assertion could be trusted after it.
void Check(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

bool WaitForInput(int fd, int stop_fd) {
  pollfd events[] = {{fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
  return ::poll(events, 2, -1) > 0 && events[1].revents == 0;
}

// Appends what has arrived; false at the end of the stream or of the server.
bool ReadMore(SSL* ssl, int fd, int stop_fd, std::string& received) {
  if (::SSL_pending(ssl) == 0 && !WaitForInput(fd, stop_fd)) return false;
  char buffer[16384];
  int size = ::SSL_read(ssl, buffer, sizeof(buffer));
  if (size <= 0) return false;
  received.append(buffer, static_cast<size_t>(size));
  return true;
}

size_t ContentLength(const std::string& head) {
  size_t place = head.find("Content-Length: ");
  return place == std::string::npos ? 0 : std::strtoul(head.c_str() + place + 16, nullptr, 10);
}

}  // namespace

bool FakeApiServer::Connection::Send(std::string_view bytes) const {
  return ::SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

void FakeApiServer::Connection::Hang() const {
  while (Pause(-1)) {
  }
}

bool FakeApiServer::Connection::Pause(int milliseconds) const {
  pollfd events[] = {{fd_, POLLRDHUP, 0}, {stop_fd_, POLLIN, 0}};
  return ::poll(events, 2, milliseconds) == 0;
}

FakeApiServer::FakeApiServer(const TestCertificate& certificate, Handler handler)
    : handler_(std::move(handler)),
      context_(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  Check(::SSL_CTX_use_certificate(context_.get(), certificate.certificate()) == 1, "certificate");
  Check(::SSL_CTX_use_PrivateKey(context_.get(), certificate.key()) == 1, "key");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  Check(::bind(listener_.get(), generic, size) == 0, "bind");
  Check(::listen(listener_.get(), 64) == 0, "listen");
  Check(::getsockname(listener_.get(), generic, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeApiServer::~FakeApiServer() {
  Check(::eventfd_write(stop_.get(), 1) == 0, "eventfd_write");
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
}

std::vector<FakeApiServer::Request> FakeApiServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

int FakeApiServer::connections() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(threads_.size());
}

void FakeApiServer::Accept() {
  while (WaitForInput(listener_.get(), stop_.get())) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) continue;
    std::lock_guard lock(mutex_);
    int number = static_cast<int>(threads_.size());
    threads_.emplace_back([this, number, fd = socket.Release()] { Serve(UniqueFd(fd), number); });
  }
}

void FakeApiServer::Serve(UniqueFd socket, int connection_number) {
  // SSL_write at a client that went away. For this thread only: the client must do without.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::unique_ptr<SSL, void (*)(SSL*)> ssl(::SSL_new(context_.get()), ::SSL_free);
  Check(ssl != nullptr && ::SSL_set_fd(ssl.get(), socket.get()) == 1, "SSL_new");
  if (!WaitForInput(socket.get(), stop_.get()) || ::SSL_accept(ssl.get()) != 1) return;
  ServeRequests(ssl.get(), socket.get(), connection_number);
  ::SSL_shutdown(ssl.get());
}

void FakeApiServer::ServeRequests(ssl_st* ssl, int fd, int connection_number) {
  std::string received;
  for (int number = 0;; ++number) {
    size_t end = std::string::npos;
    while ((end = received.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadMore(ssl, fd, stop_.get(), received)) return;
    }
    Request request{.first_line = received.substr(0, received.find("\r\n")),
                    .head = received.substr(0, end + 2),
                    .body = "",
                    .number = number,
                    .connection_number = connection_number};
    received.erase(0, end + 4);
    size_t length = ContentLength(request.head);
    while (received.size() < length) {
      if (!ReadMore(ssl, fd, stop_.get(), received)) return;
    }
    request.body = received.substr(0, length);
    received.erase(0, length);
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    if (!handler_(Connection(ssl, fd, stop_.get()), request)) return;
  }
}

std::string HttpAnswer(int status, std::string_view body, std::string_view extra_headers) {
  return fmt::format(
      "HTTP/1.1 {} Status\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}",
      status, extra_headers, body.size(), body);
}

FakeApiServer::Handler AnswerWith(std::string answer) {
  return [answer = std::move(answer)](const FakeApiServer::Connection& connection,
                                      const FakeApiServer::Request& /*request*/) {
    return connection.Send(answer);
  };
}

TestDirectory::TestDirectory() {
  char pattern[] = "/tmp/nsdebug-auth-XXXXXX";
  Check(::mkdtemp(pattern) != nullptr, "mkdtemp");
  path_ = pattern;
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestDirectory::Write(const std::string& name, std::string_view text,
                                 unsigned mode) const {
  std::string path = Path(name);
  std::string next = path + ".next";
  std::ofstream(next) << text;
  Check(::chmod(next.c_str(), mode) == 0, "chmod");
  std::filesystem::rename(next, path);
  return path;
}

}  // namespace nsdebug
