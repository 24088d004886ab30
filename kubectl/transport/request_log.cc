#include "kubectl/transport/request_log.h"

#include <fmt/format.h>
#include <strings.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

// Of one line, and of an answer's body: kubectl's at level 9.
constexpr size_t kMaxShown = 10240;

/// "I1124 16:12:40.123456   12345 request_log] ", as klog begins its lines.
void Line(const std::string& text) {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  tm local{};
  ::localtime_r(&now.tv_sec, &local);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%m%d %H:%M:%S", &local);
  std::fputs(
      fmt::format("I{}.{:06} {:7} request_log] {}\n", time.data(), now.tv_usec, ::getpid(), text)
          .c_str(),
      stderr);
}

/// Headers whose value proves who somebody is, or may.
bool IsSecret(const std::string& name) {
  constexpr std::array kSecret = {"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie",
                                  "WWW-Authenticate"};
  return std::any_of(kSecret.begin(), kSecret.end(),
                     [&](const char* secret) { return ::strcasecmp(name.c_str(), secret) == 0; });
}

void Lines(const RequestLog::Headers& headers) {
  for (const auto& [name, value] : headers) {
    Line(fmt::format("    {}: {}", Printable(name, kMaxShown),
                     IsSecret(name) ? "<masked>" : Printable(value, kMaxShown)));
  }
}

}  // namespace

void RequestLog::Request(std::string_view method, std::string_view url,
                         const Headers& headers) const {
  if (level_ < kRequestHeaders) return;
  Line(fmt::format(R"("Request" verb="{}" url="{}")", method, Printable(url, kMaxShown)));
  Lines(headers);
}

void RequestLog::Answer(std::string_view method, std::string_view url, std::string_view status,
                        Clock::duration time, const Headers& headers) const {
  if (level_ < kTiming) return;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  Line(fmt::format(R"("Response" verb="{}" url="{}" status="{}" milliseconds={})", method,
                   Printable(url, kMaxShown), Printable(status), milliseconds));
  if (level_ >= kAnswerHeaders) Lines(headers);
}

void RequestLog::Body(std::string_view body) const {
  if (level_ < kBodies) return;
  Line(fmt::format(R"("Response Body" bytes={} body={})", body.size(), Printable(body, kMaxShown)));
}

void RequestLog::CountRoundTrip(std::string_view what) { round_trips_.emplace_back(what); }

void RequestLog::RoundTrips() const {
  if (level_ < kTiming) return;
  Line(fmt::format(R"("Round trips" sequential={} were="{}")", round_trips_.size(),
                   fmt::join(round_trips_, ", ")));
}

}  // namespace nsdebug::kubectl
