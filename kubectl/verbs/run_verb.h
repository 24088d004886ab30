#pragma once

#include <string>

#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"
#include "kubectl/verbs/verb_options.h"

namespace nsdebug::kubectl {

/// Everything but exec. The exit code; what there is to say is said on stderr. Both outlive it.
asio::awaitable<int> RunVerb(const VerbOptions* options, const std::string* target,
                             const Connector* connector);

}  // namespace nsdebug::kubectl
