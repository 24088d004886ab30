#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "kubectl/transport/asio.h"

namespace nsdebug::kubectl {

/// Writes to our stdout and stderr on a thread of its own, in the order in which it got the pieces:
/// what comes next is received and decrypted meanwhile, and whoever waits for a reader that has
/// stopped can still leave. All but the thread's own part is for one thread, the executor's.
class OutputWriter {
 public:
  explicit OutputWriter(const asio::any_io_executor& executor);
  /// What is not written yet is dropped; a write that is under way is interrupted.
  ~OutputWriter();
  OutputWriter(const OutputWriter&) = delete;
  OutputWriter& operator=(const OutputWriter&) = delete;

  /// Takes a piece to be written, when there is room. The error is that of an earlier write:
  /// kUnavailable when nobody reads what we write. kAborted after Stop(). `name` is a literal.
  asio::awaitable<Result<void>> Write(int fd, const char* name, std::string_view data);

  /// When all is written. The errors are those of Write().
  asio::awaitable<Result<void>> Flush();

  /// When a write has failed; Flush() tells how.
  asio::awaitable<void> Failed();

  /// Ends a Write() or Flush() that is under way, and all that come.
  void Stop();

 private:
  struct Piece {
    int fd;
    const char* name;
    std::string data;
  };

  asio::awaitable<Result<void>> WaitFor(size_t room);
  void Enqueue(int fd, const char* name, std::string_view data);
  bool HasFailed() const;
  void Run();
  Result<void> WriteOut(const Piece& piece) const;

  std::shared_ptr<asio::steady_timer> changed_;  ///< cancelled when the thread has written a piece

  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Piece> queue_;
  size_t unwritten_ = 0;  ///< bytes, with those that are being written
  bool is_waited_for_ = false;
  bool stopped_ = false;
  bool over_ = false;  ///< the thread has nothing more to do
  Result<void> failure_;

  std::thread thread_;
};

}  // namespace nsdebug::kubectl
