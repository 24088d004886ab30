#include "nsenter/session/session_options.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <climits>

#include "base/text.h"

namespace nsdebug {

namespace {

struct Unit {
  std::string_view suffix;
  uint64_t factor;
};

constexpr std::array<Unit, 7> kByteUnits = {{{"Ki", uint64_t{1} << 10},
                                             {"Mi", uint64_t{1} << 20},
                                             {"Gi", uint64_t{1} << 30},
                                             {"k", 1'000},
                                             {"M", 1'000'000},
                                             {"G", 1'000'000'000},
                                             {"", 1}}};
constexpr std::array<Unit, 4> kTimeUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};

// Limits below these would end the session's own init.
constexpr uint64_t kLeastMemoryBytes = uint64_t{8} << 20;
constexpr uint64_t kMostMemoryBytes = uint64_t{1} << 50;
constexpr uint64_t kLeastPids = 8;
constexpr uint64_t kMostPids = 4'194'304;
constexpr uint64_t kLeastCpuMillis = 10;  // the kernel's: 1 ms of its period of 100 ms
constexpr uint64_t kMostCpuMillis = 1'000'000;
constexpr uint64_t kMostMilliseconds = uint64_t{7} * 24 * 3'600'000;

Failure Bad(std::string_view text, std::string_view expected) {
  return Fail(Code::kInvalidArgument, fmt::format("'{}' is not {}", Printable(text), expected));
}

}  // namespace

Result<uint64_t> ParseBytes(std::string_view text) {
  for (const Unit& unit : kByteUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto number = ParseNumber(text.substr(0, text.size() - unit.suffix.size()),
                                    kMostMemoryBytes / unit.factor);
    if (number) return *number * unit.factor;
    break;
  }
  return Bad(text, "an amount of memory such as 512Mi");
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  constexpr std::string_view kExpected = "a duration of at most a week such as 30s, 5m or 1h30m";
  if (auto seconds = ParseNumber(text, kMostMilliseconds / 1000)) {
    return std::chrono::milliseconds(*seconds * 1000);
  }
  uint64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return Bad(text, kExpected);
    const std::string_view behind = rest.substr(digits);
    const size_t letters = std::min(behind.find_first_of("0123456789"), behind.size());
    const auto number = ParseNumber(rest.substr(0, digits), kMostMilliseconds);
    uint64_t factor = 0;
    for (const Unit& unit : kTimeUnits) {
      if (unit.suffix == behind.substr(0, letters)) factor = unit.factor;
    }
    if (!number || factor == 0 || *number > kMostMilliseconds / factor) return Bad(text, kExpected);
    total += *number * factor;
    rest = behind.substr(letters);
  }
  if (text.empty() || total > kMostMilliseconds) return Bad(text, kExpected);
  return std::chrono::milliseconds(total);
}

Result<uint64_t> ParseCpus(std::string_view text) {
  constexpr std::string_view kExpected = "a number of CPUs such as 1, 0.5 or 250m, at least 10m";
  if (text.ends_with('m')) {
    const auto millis = ParseNumber(text.substr(0, text.size() - 1), kMostCpuMillis);
    if (millis && *millis >= kLeastCpuMillis) return *millis;
    return Bad(text, kExpected);
  }
  const size_t point = text.find('.');
  const auto whole = ParseNumber(text.substr(0, point), kMostCpuMillis / 1000);
  std::string fraction =
      point == std::string_view::npos ? "0" : std::string(text.substr(point + 1));
  if (fraction.size() > 3) return Bad(text, kExpected);
  fraction.resize(3, '0');
  const auto thousandths = ParseNumber(fraction);
  if (!whole || !thousandths || *whole * 1000 + *thousandths < kLeastCpuMillis) {
    return Bad(text, kExpected);
  }
  return *whole * 1000 + *thousandths;
}

Result<bool> SessionOptions::Take(int key, const char* argument) {
  const std::string text = argument == nullptr ? "" : argument;
  const auto capability = [&](CapabilitySet* set) -> Result<bool> {
    Result<CapabilitySet> parsed = ParseCapability(text);
    if (!parsed) return Propagate(parsed.error());
    *set |= *parsed;
    return true;
  };
  given_ = given_ || (key >= kView && key <= kPlanFd);
  switch (key) {
    case kView: {
      Result<View> view = ParseView(text);
      if (!view) return Propagate(view.error());
      spec_.view = *view;
      return true;
    }
    case kProfile:
      profile_ = text;
      return true;
    case kCapAdd:
      return capability(&added_);
    case kCapDrop:
      return capability(&dropped_);
    case kToolbox:
      spec_.tools = text;
      return true;
    case kSetEnv:
      spec_.environment.push_back(text);
      return true;
    case kTty:
      spec_.tty = true;
      return true;
    case kCgroupParent:
      spec_.cgroup_parent = text == "none" ? "" : text;
      return true;
    case kMemory:
    case kPids:
    case kCpus:
    case kTimeout:
    case kStarterFd:
    case kPlanFd: {
      Result<void> taken = TakeLimit(key, text);
      if (!taken) return Propagate(taken.error());
      return true;
    }
    default:
      return false;
  }
}

Result<void> SessionOptions::TakeLimit(int key, const std::string& text) {
  if (key == kTimeout) {
    Result<std::chrono::milliseconds> deadline = ParseDuration(text);
    if (!deadline) return Propagate(deadline.error(), "--timeout");
    spec_.deadline = *deadline;
  } else if (key == kMemory) {
    Result<uint64_t> bytes = ParseBytes(text);
    if (!bytes) return Propagate(bytes.error(), "--memory");
    if (*bytes < kLeastMemoryBytes) return Bad(text, "at least 8Mi, as --memory must be");
    spec_.limits.memory_bytes = *bytes;
  } else if (key == kCpus) {
    Result<uint64_t> millis = ParseCpus(text);
    if (!millis) return Propagate(millis.error(), "--cpus");
    spec_.limits.cpu_millis = *millis;
  } else if (key == kPids) {
    const auto pids = ParseNumber(text, kMostPids);
    if (!pids || *pids < kLeastPids) return Bad(text, "a number of at least 8, as --pids must be");
    spec_.limits.pids = *pids;
  } else {
    const auto fd = ParseNumber(text, INT_MAX);
    // Now, while what has the number can only be the caller's.
    if (!fd || ::fcntl(static_cast<int>(*fd), F_GETFD) < 0) {
      return Bad(text, "an open descriptor, as --starter-fd and --plan-fd must be");
    }
    (key == kStarterFd ? starter_fd_ : plan_fd_) = static_cast<int>(*fd);
  }
  return {};
}

Result<SessionSpec> SessionOptions::Make() const {
  SessionSpec spec = spec_;
  const bool chosen = !profile_.empty() || added_ != 0 || dropped_ != 0;
  if (spec.view == View::kContainer && chosen) {
    return Fail(Code::kInvalidArgument,
                "the container view has the container's own rights: it goes without --profile, "
                "--cap-add and --cap-drop");
  }
  Result<const Profile*> profile =
      FindProfile(profile_.empty() ? kDefaultProfile : std::string_view(profile_));
  if (!profile) return Propagate(profile.error());
  spec.profile = *profile;
  // As with container runtimes: "drop ALL, add one" leaves that one.
  spec.capabilities = ((spec.profile->capabilities & ~dropped_) | added_) & AllCapabilities();
  return spec;
}

}  // namespace nsdebug
