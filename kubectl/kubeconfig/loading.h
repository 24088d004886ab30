#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "kubectl/kubeconfig/environment.h"
#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {

struct LoadedKubeconfig {
  Kubeconfig config;
  std::vector<std::string> warnings;  ///< lines for the person; at most one so far
};

/// Loads what kubectl would: the file of --kubeconfig alone, which must exist; else those of
/// $KUBECONFIG that exist, merged; else $HOME/.kube/config if it exists. Relative paths in a file
/// are resolved against its directory. No file at all is an empty configuration, not an error.
Result<LoadedKubeconfig> LoadKubeconfig(const std::string& explicit_path,
                                        const Environment& environment);

/// The merge of client-go: a name belongs, with the whole entry, to the first file that defines it.
void MergeKubeconfig(Kubeconfig& config, Kubeconfig next);

}  // namespace nsdebug::kubectl
