#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "tests/fake_api_server/test_certificate.h"

struct ssl_ctx_st;
struct ssl_st;

namespace nsdebug {

/// Stands in for a kube-apiserver: HTTPS on 127.0.0.1, a thread for each connection. It writes raw
/// bytes, so that it can answer as no HTTP library would. The destructor joins all threads.
class FakeApiServer {
 public:
  struct Request {
    std::string first_line;  ///< "POST /apis/... HTTP/1.1"
    std::string head;        ///< with the first line
    std::string body;
    int number = 0;             ///< of this request on its connection, from 0
    int connection_number = 0;  ///< from 0
  };
  class Connection {
   public:
    Connection(ssl_st* ssl, int fd, int stop_fd) : ssl_(ssl), fd_(fd), stop_fd_(stop_fd) {}

    /// Whether the peer took all of it.
    bool Send(std::string_view bytes) const;
    /// Holds the connection until the peer goes away or the server stops.
    void Hang() const;
    /// Lets `milliseconds` pass; false when the peer went away or the server stops.
    bool Pause(int milliseconds) const;

   private:
    ssl_st* ssl_;
    int fd_;
    int stop_fd_;
  };
  /// Called on the connection's thread. False closes the connection.
  using Handler = std::function<bool(const Connection& connection, const Request& request)>;

  FakeApiServer(const TestCertificate& certificate, Handler handler);
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;
  ~FakeApiServer();

  uint16_t port() const { return port_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  std::vector<Request> requests() const;
  int connections() const;

 private:
  void Accept();
  void Serve(UniqueFd socket, int connection_number);
  void ServeRequests(ssl_st* ssl, int fd, int connection_number);

  Handler handler_;
  std::shared_ptr<ssl_ctx_st> context_;  // shared by nobody: for its deleter
  UniqueFd listener_;
  UniqueFd stop_;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;     // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread acceptor_;              // last: it uses the members above
};

/// A whole HTTP answer. `extra_headers` are complete lines.
std::string HttpAnswer(int status, std::string_view body, std::string_view extra_headers = "");

/// A handler that gives every request this answer and keeps the connection.
FakeApiServer::Handler AnswerWith(std::string answer);

/// A temporary directory that is removed with what lies in it.
class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  /// The path of a file of this name.
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  /// Replaces a file as kubelet does, at once: by rename. Returns its path.
  std::string Write(const std::string& name, std::string_view text, unsigned mode = 0600) const;

 private:
  std::string path_;
};

}  // namespace nsdebug
