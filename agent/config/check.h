#pragma once

#include "agent/config/config_file.h"

namespace nsdebug {

/// What cannot be, whoever said it: values out of their range, and values that contradict each
/// other. Each problem is "ORIGIN: KEY: what is wrong and what to do"; without the origin for a
/// default. Looks at nothing but the configuration: no file, no socket.
Problems CheckConfig(const Settings& settings);

}  // namespace nsdebug
