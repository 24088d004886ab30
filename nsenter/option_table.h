#pragma once

#include <getopt.h>

#include <climits>
#include <deque>
#include <string>
#include <vector>

namespace nsdebug {

/// Keys of long options that have no letter; those of sessions are SessionOptions::Key.
enum LongOption {
  kPreserveCredentials = CHAR_MAX + 1,
  kKeepCaps,
  kUserParent,
  kJoinCgroup,
  kContainer,
  kPod,
  kSandbox,
  kNode,
  kDocker,
  kRuntimeEndpoint,
  kDockerHost,
  kNew,
  kExplain,
};

/// The long options for getopt_long(3), and every abbreviation that nsenter takes for one of its
/// own, so that no option of ours makes one of them ambiguous: to getopt_long a full match never
/// is. `names` keeps their text.
std::vector<option> LongOptions(std::deque<std::string>* names);

/// The short options. Behind --pod, -c names the container, as with kubectl; else it is nsenter's
/// --join-cgroup.
const char* ShortOptions(bool behind_pod);

}  // namespace nsdebug
