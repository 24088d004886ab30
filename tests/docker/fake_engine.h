#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace nsdebug::docker {

/// A temporary directory that is removed with what lies in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Listens on `path` without accepting; aborts the test program when it cannot.
UniqueFd ListenOn(const std::string& path);

/// Speaks raw bytes on a Unix socket, so that it can answer as no HTTP library would. Serves one
/// connection after the other on its own thread, which the destructor joins.
class FakeEngine {
 public:
  /// One accepted connection whose request was read.
  class Connection {
   public:
    Connection(int fd, int stop_fd) : fd_(fd), stop_fd_(stop_fd) {}

    /// Whether the peer took all of it.
    bool Send(std::string_view bytes) const;
    /// Holds the connection until the peer goes away or the engine stops.
    void Hang() const;
    /// Lets `milliseconds` pass; false when the peer went away or the engine stops.
    bool Pause(int milliseconds) const;

   private:
    int fd_;
    int stop_fd_;
  };
  /// Answers the request of this first line, e.g. "GET /containers/web/json HTTP/1.1".
  using Handler = std::function<void(const Connection& connection, const std::string& first_line)>;

  explicit FakeEngine(Handler handler);
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;
  ~FakeEngine();

  const std::string& path() const { return path_; }
  /// The heads of the requests so far.
  std::vector<std::string> requests() const;

 private:
  void Serve();
  std::string ReadHead(int fd) const;

  TemporaryDirectory directory_;
  std::string path_;
  Handler handler_;
  UniqueFd listener_;
  UniqueFd stop_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::thread server_;                 // last: it uses the members above
};

/// A whole HTTP answer. `extra_headers` are complete lines.
std::string HttpAnswer(int status, std::string_view body, std::string_view extra_headers = "");

/// A handler that gives every request this answer.
FakeEngine::Handler AnswerWith(std::string answer);

}  // namespace nsdebug::docker
