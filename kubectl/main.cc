// kubectl-ns_debug: the kubectl plugin, run as `kubectl ns-debug`.

#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "kubectl/options.h"
#include "kubectl/plugin.h"

int main(int argc, char** argv) {
  using namespace nsdebug::kubectl;
  // Of `... | head` the write tells; the plugin then still gives the terminal back.
  ::signal(SIGPIPE, SIG_IGN);
  const PluginCommandLine line =
      ReadPluginCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!line.run) {
    std::fputs(line.text.c_str(), line.exit_code == 0 ? stdout : stderr);
    return line.exit_code;
  }
  // One thread runs it: Asio then spares most of its locks and wake-ups. It is never destroyed: it
  // would wait for its resolver's thread, and nothing interrupts getaddrinfo(3).
  static auto& loop = *new boost::asio::io_context(1);
  int exit_code = 1;
  boost::asio::co_spawn(loop, RunPlugin(line.options),
                        [&](const std::exception_ptr& thrown, int code) {
                          exit_code = thrown ? 1 : code;
                          if (thrown) std::fputs("error: the plugin failed\n", stderr);
                          loop.stop();
                        });
  loop.run();
  return exit_code;
}
