#pragma once

#include "base/error.h"
#include "kubectl/kubeconfig/environment.h"
#include "kubectl/kubeconfig/exec_credential.h"
#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {

/// What a plugin finds around it.
struct ExecSurroundings {
  Environment environment;
  bool stdin_is_terminal = false;  ///< of our own standard input
};

/// Runs a credential plugin, without a shell, and waits for its answer: for as long as it takes,
/// somebody may be typing a password. `cluster` is passed on if the plugin asks for it.
///
/// Its standard error is ours. Its standard input is ours when it is interactive, else /dev/null.
/// It stays in our process group: Ctrl-C reaches it, and it may read from the terminal. It dies
/// with the thread that called, and on every way out of here it is reaped.
///
/// kNotFound: the program is not installed; the message then ends with the install hint, which may
/// have lines of its own. kFailedPrecondition: it wants a terminal and there is none.
Result<Credential> RunExecPlugin(const ExecConfig& exec, const ExecCluster& cluster,
                                 const ExecSurroundings& surroundings);

}  // namespace nsdebug::kubectl
