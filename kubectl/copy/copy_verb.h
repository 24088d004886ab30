#pragma once

#include <string>

#include "kubectl/copy/copy_operands.h"
#include "kubectl/transport/asio.h"
#include "kubectl/verbs/connector.h"

namespace nsdebug::kubectl {

/// Copies a file or folder out of a target, or into it. The exit code.
asio::awaitable<int> RunCopy(const Connector* connector, CopyOperands operands, bool quiet);

}  // namespace nsdebug::kubectl
