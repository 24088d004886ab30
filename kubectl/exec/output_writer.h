#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "kubectl/transport/asio.h"

namespace nsdebug::kubectl {

/// Writes to our stdout and stderr on a thread of its own, in the order in which it got the pieces:
/// what comes next is received and decrypted meanwhile, and whoever waits for a reader that has
/// stopped can still leave. What comes during a write is the next one, together.
/// All but the thread's own part is for one thread, the executor's.
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
  /// Bytes for one of the two, behind those of the piece before.
  struct Piece {
    int fd;
    const char* name;
    size_t size;
  };
  struct Batch {
    std::string bytes;
    std::vector<Piece> pieces;
  };

  template <class Condition>
  asio::awaitable<Result<void>> WaitUntil(Condition condition);
  void Append(int fd, const char* name, std::string_view data);
  bool HasFailed() const;
  void Run();
  void Tell();
  Result<void> WriteOut(const Batch& batch) const;
  Result<void> WriteOut(const Piece& piece, std::string_view bytes) const;

  std::shared_ptr<asio::steady_timer> changed_;  ///< cancelled when the thread has taken a batch

  mutable std::mutex mutex_;
  std::condition_variable more_;
  Batch next_;               ///< what the thread takes when it has written what it has
  bool is_writing_ = false;  ///< the thread has a batch
  bool is_waited_for_ = false;
  bool stopped_ = false;
  bool over_ = false;  ///< the thread has nothing more to do
  Result<void> failure_;

  std::thread thread_;
};

}  // namespace nsdebug::kubectl
