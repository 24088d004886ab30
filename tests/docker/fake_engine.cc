#include "tests/docker/fake_engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace nsdebug::docker {

namespace {

// A fake that cannot start must stop the test program: no assertion could be trusted after it.
void Check(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  // Short, because a socket's path has at most 107 bytes.
  char pattern[] = "/tmp/nsdebug-docker-XXXXXX";
  Check(::mkdtemp(pattern) != nullptr, "mkdtemp");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

UniqueFd ListenOn(const std::string& path) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Check(listener.valid(), "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
        "bind");
  Check(::listen(listener.get(), 4) == 0, "listen");
  return listener;
}

bool FakeEngine::Connection::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void FakeEngine::Connection::Hang() const {
  while (Pause(-1)) {
  }
}

bool FakeEngine::Connection::Pause(int milliseconds) const {
  pollfd events[] = {{fd_, POLLRDHUP, 0}, {stop_fd_, POLLIN, 0}};
  return ::poll(events, 2, milliseconds) == 0;
}

FakeEngine::FakeEngine(Handler handler)
    : path_(directory_.path() + "/engine.sock"),
      handler_(std::move(handler)),
      listener_(ListenOn(path_)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  Check(stop_.valid(), "eventfd");
  server_ = std::thread([this] { Serve(); });
}

FakeEngine::~FakeEngine() {
  Check(::eventfd_write(stop_.get(), 1) == 0, "eventfd_write");
  server_.join();
}

std::vector<std::string> FakeEngine::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void FakeEngine::Serve() {
  for (;;) {
    pollfd events[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    Check(::poll(events, 2, -1) > 0, "poll");
    if (events[1].revents != 0) return;
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) continue;
    std::string head = ReadHead(connection.get());
    if (head.empty()) continue;
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(head);
    }
    handler_(Connection(connection.get(), stop_.get()), head.substr(0, head.find("\r\n")));
  }
}

std::string FakeEngine::ReadHead(int fd) const {
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    pollfd events[] = {{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(events, 2, -1) <= 0 || events[1].revents != 0) return "";
    char buffer[4096];
    ssize_t size = ::recv(fd, buffer, sizeof(buffer), 0);
    if (size <= 0) return "";
    head.append(buffer, static_cast<size_t>(size));
  }
  return head;
}

std::string HttpAnswer(int status, std::string_view body, std::string_view extra_headers) {
  return fmt::format(
      "HTTP/1.1 {} Status\r\nContent-Type: application/json\r\nServer: Docker/20.10.24 (linux)\r\n"
      "Connection: close\r\nContent-Length: {}\r\n{}\r\n{}",
      status, body.size(), extra_headers, body);
}

FakeEngine::Handler AnswerWith(std::string answer) {
  return [answer = std::move(answer)](const FakeEngine::Connection& connection,
                                      const std::string&) { connection.Send(answer); };
}

}  // namespace nsdebug::docker
