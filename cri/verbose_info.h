#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cri/runtime.h"

namespace nsdebug::cri {

/// What a verbose status tells beside the API's own fields. Its shape is each runtime's own.
struct VerboseInfo {
  pid_t pid = 0;  ///< of the first process, in the runtime's PID namespace; 0: unknown or none
  std::string sandbox_id;
  std::string runtime_type;     ///< containerd: "io.containerd.runc.v2"
  std::string runtime_handler;  ///< CRI-O tells it only as an annotation of the runtime spec
  std::map<std::string, std::string> namespaces;  ///< /proc/PID/ns name to the file it is pinned at
  std::string process_spec;  ///< the runtime spec's process object as JSON; empty when not told
};

/// Bounds the JSON we take apart. A verbose status is some tens of kilobytes.
inline constexpr size_t kMaxInfoBytes = size_t{4} << 20;

/// Reads containerd's, CRI-O's (also those before 1.18, with flat keys) and cri-dockerd's shapes.
/// No info at all is no error: cri-dockerd tells none of a sandbox. Anything that is not of a known
/// shape is kInternal, with `call` in the message.
Result<VerboseInfo> ParseVerboseInfo(std::string_view call, const StringMap& info);

}  // namespace nsdebug::cri
