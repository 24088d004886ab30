#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "nsenter/session/session_spec.h"

namespace nsdebug {

/// The options of ns-enter that are about sessions, collected as they are given.
class SessionOptions {
 public:
  /// Keys of the long options, above every character.
  enum Key {
    kView = 1000,
    kProfile,
    kCapAdd,
    kCapDrop,
    kToolbox,
    kSetEnv,
    kTty,
    kMemory,
    kPids,
    kCpus,
    kCgroupParent,
    kTimeout,
    kStarterFd,
    kPlanFd,
  };

  /// Takes one option; false when the key is none of ours.
  Result<bool> Take(int key, const char* argument);

  /// Whether any of them was given.
  bool given() const { return given_; }
  int starter_fd() const { return starter_fd_; }
  /// -1: the command line is the plan.
  int plan_fd() const { return plan_fd_; }

  /// The spec of what was given, with the profile's rights worked out.
  Result<SessionSpec> Make() const;

 private:
  Result<void> TakeLimit(int key, const std::string& text);

  SessionSpec spec_;
  std::string profile_;
  CapabilitySet added_ = 0;
  CapabilitySet dropped_ = 0;
  int starter_fd_ = -1;
  int plan_fd_ = -1;
  bool given_ = false;
};

/// "512Mi", "1Gi", "100000": bytes, with the suffixes of Kubernetes quantities.
Result<uint64_t> ParseBytes(std::string_view text);

/// "10s", "5m", "1h30m", "250ms", or a number of seconds; at most a week.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// "1", "0.5", "250m": thousandths of a CPU.
Result<uint64_t> ParseCpus(std::string_view text);

}  // namespace nsdebug
