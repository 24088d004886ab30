#include "nsenter/option_table.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "nsenter/session/session_options.h"

namespace nsdebug {

namespace {

constexpr option kLongOptions[] = {
    {"all", no_argument, nullptr, 'a'},
    {"target", required_argument, nullptr, 't'},
    {"mount", optional_argument, nullptr, 'm'},
    {"uts", optional_argument, nullptr, 'u'},
    {"ipc", optional_argument, nullptr, 'i'},
    {"net", optional_argument, nullptr, 'n'},
    {"net-socket", required_argument, nullptr, 'N'},
    {"pid", optional_argument, nullptr, 'p'},
    {"cgroup", optional_argument, nullptr, 'C'},
    {"user", optional_argument, nullptr, 'U'},
    {"user-parent", no_argument, nullptr, kUserParent},
    {"time", optional_argument, nullptr, 'T'},
    {"setuid", required_argument, nullptr, 'S'},
    {"setgid", required_argument, nullptr, 'G'},
    {"preserve-credentials", no_argument, nullptr, kPreserveCredentials},
    {"keep-caps", no_argument, nullptr, kKeepCaps},
    {"root", optional_argument, nullptr, 'r'},
    {"wd", optional_argument, nullptr, 'w'},
    {"wdns", optional_argument, nullptr, 'W'},
    {"env", no_argument, nullptr, 'e'},
    {"no-fork", no_argument, nullptr, 'F'},
    {"join-cgroup", no_argument, nullptr, kJoinCgroup},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {"follow-context", no_argument, nullptr, 'Z'},
    {"container", required_argument, nullptr, kContainer},
    {"pod", required_argument, nullptr, kPod},
    {"sandbox", no_argument, nullptr, kSandbox},
    {"node", no_argument, nullptr, kNode},
    {"docker", required_argument, nullptr, kDocker},
    {"runtime-endpoint", required_argument, nullptr, kRuntimeEndpoint},
    {"docker-host", required_argument, nullptr, kDockerHost},
    {"new", required_argument, nullptr, kNew},
    {"explain", no_argument, nullptr, kExplain},
    {"view", required_argument, nullptr, SessionOptions::kView},
    {"profile", required_argument, nullptr, SessionOptions::kProfile},
    {"cap-add", required_argument, nullptr, SessionOptions::kCapAdd},
    {"cap-drop", required_argument, nullptr, SessionOptions::kCapDrop},
    {"toolbox", required_argument, nullptr, SessionOptions::kToolbox},
    {"setenv", required_argument, nullptr, SessionOptions::kSetEnv},
    {"tty", no_argument, nullptr, SessionOptions::kTty},
    {"memory", required_argument, nullptr, SessionOptions::kMemory},
    {"pids", required_argument, nullptr, SessionOptions::kPids},
    {"cpus", required_argument, nullptr, SessionOptions::kCpus},
    {"cgroup-parent", required_argument, nullptr, SessionOptions::kCgroupParent},
    {"timeout", required_argument, nullptr, SessionOptions::kTimeout},
    {"starter-fd", required_argument, nullptr, SessionOptions::kStarterFd},
    {"plan-fd", required_argument, nullptr, SessionOptions::kPlanFd},
    {"output", required_argument, nullptr, 'o'},
    {"quiet", no_argument, nullptr, 'q'},
    {nullptr, 0, nullptr, 0},
};

// The entries of kLongOptions up to here are nsenter's.
constexpr std::string_view kLastOfNsenter = "follow-context";

// "+": stop at the command. ":": report missing arguments as ':' instead of printing. -c is
// nsenter's
// --join-cgroup, but behind --pod it names the container, as with kubectl.
constexpr const char kShortOptions[] = "+:at:m::u::i::n::N:p::C::U::T::S:G:r::w::W::eFZo:qhVc";
constexpr const char kShortOptionsAfterPod[] =
    "+:at:m::u::i::n::N:p::C::U::T::S:G:r::w::W::eFZo:qhVc:";

}  // namespace

std::vector<option> LongOptions(std::deque<std::string>* names) {
  const auto* first = std::begin(kLongOptions);
  const auto* last = std::find_if(first, std::end(kLongOptions) - 1, [](const option& candidate) {
    return candidate.name == kLastOfNsenter;
  });
  ++last;
  std::vector<option> options(first, std::end(kLongOptions) - 1);
  for (const option* full = first; full != last; ++full) {
    const std::string_view name = full->name;
    for (size_t length = 1; length < name.size(); ++length) {
      const std::string_view prefix = name.substr(0, length);
      const auto matches = std::count_if(first, last, [&](const option& other) {
        return std::string_view(other.name).starts_with(prefix);
      });
      if (matches != 1) continue;
      option abbreviation = *full;
      abbreviation.name = names->emplace_back(prefix).c_str();
      options.push_back(abbreviation);
    }
  }
  options.push_back({});
  return options;
}

const char* ShortOptions(bool behind_pod) {
  return behind_pod ? kShortOptionsAfterPod : kShortOptions;
}

}  // namespace nsdebug
