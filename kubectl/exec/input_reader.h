#pragma once

#include <string>

#include "base/unique_fd.h"
#include "kubectl/transport/asio.h"

namespace nsdebug::kubectl {

/// Our own stdin for a coroutine, read by a thread.
class InputReader {
 public:
  /// The descriptor outlives it.
  explicit InputReader(int fd);
  /// A read that is under way is interrupted.
  ~InputReader();

  /// What comes next; empty at the end, and after Stop().
  asio::awaitable<std::string> Read();

  /// Ends a Read() that is under way.
  void Stop();

 private:
  std::string ReadBlocking() const;

  const int fd_;
  UniqueFd stop_;  ///< eventfd
  asio::thread_pool thread_{1};
};

}  // namespace nsdebug::kubectl
