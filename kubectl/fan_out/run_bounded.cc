#include "kubectl/fan_out/run_bounded.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>

namespace nsdebug::kubectl {

namespace {

struct Progress {
  size_t next = 0;
  size_t running = 0;
  std::exception_ptr thrown;
};

using Task = std::function<asio::awaitable<void>(size_t)>;

asio::awaitable<void> Work(Progress* progress, size_t count, const Task* task) {
  while (progress->next < count) {
    const size_t index = progress->next++;
    co_await (*task)(index);
  }
}

}  // namespace

asio::awaitable<void> RunBounded(size_t count, size_t limit, Task task) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Progress progress;
  asio::steady_timer ended(executor, asio::steady_timer::time_point::max());
  const size_t workers = std::min(std::max<size_t>(limit, 1), count);
  for (size_t i = 0; i < workers; ++i) {
    ++progress.running;
    asio::co_spawn(executor, Work(&progress, count, &task),
                   [&progress, &ended](const std::exception_ptr& thrown) {
                     if (thrown && !progress.thrown) progress.thrown = thrown;
                     --progress.running;
                     ended.cancel();
                   });
  }
  // All of them use this frame: they are waited for whatever happens.
  while (progress.running > 0) (void)co_await ended.async_wait(kAwait);
  if (progress.thrown) std::rethrow_exception(progress.thrown);
}

}  // namespace nsdebug::kubectl
