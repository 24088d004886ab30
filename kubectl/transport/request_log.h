#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsdebug::kubectl {

/// kubectl's -v: what is asked of the API server and the agent, and how long it takes, on stderr.
/// At 6 a line for each answer, at 7 and 8 the headers of requests, at 8 those of answers, from 9
/// on the start of the answers. Credentials are never among it.
class RequestLog {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  using Clock = std::chrono::steady_clock;

  explicit RequestLog(int level) : level_(level) {}

  bool wants_request_headers() const { return level_ >= kRequestHeaders; }
  bool wants_answer_headers() const { return level_ >= kAnswerHeaders; }

  void Request(std::string_view method, std::string_view url, const Headers& headers) const;
  void Answer(std::string_view method, std::string_view url, std::string_view status,
              Clock::duration time, const Headers& headers) const;
  void Body(std::string_view body) const;

  /// Something had to wait for the other side and back.
  void CountRoundTrip(std::string_view what);
  /// All that were counted, one after the other; at 6.
  void RoundTrips() const;

 private:
  static constexpr int kTiming = 6;
  static constexpr int kRequestHeaders = 7;
  static constexpr int kAnswerHeaders = 8;
  static constexpr int kBodies = 9;

  const int level_;
  std::vector<std::string> round_trips_;
};

}  // namespace nsdebug::kubectl
