#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/session/session_end.h"

namespace nsdebug {

/// What the agent counts, for Prometheus. Any thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// `route` is a route's path, or "none": never what a client wrote, which could be anything.
  void CountRequest(std::string_view route, std::string_view method, int status);
  void CountDenial(std::string_view cause);
  void SessionOpened();
  void SessionClosed(EndCause cause, uint64_t bytes_in, uint64_t bytes_out);
  void ObserveResolve(std::chrono::nanoseconds time);
  void ObserveSetup(std::chrono::nanoseconds time);
  void CountRuntimeError(std::string_view code);
  void CountApiServerError(std::string_view code);

  /// The text format that Prometheus scrapes.
  std::string Text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace nsdebug
