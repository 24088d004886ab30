#include "nsenter/report.h"

#include <unistd.h>

#include <string>

#include "base/io.h"
#include "nsenter/program.h"

namespace nsdebug {

void ReportError(std::string_view message) {
  const std::string line = "ns-enter: " + std::string(message) + "\n";
  // With stderr gone there is nobody left to tell.
  (void)WriteAll(STDERR_FILENO, line, "stderr");
}

int ReportSetupFailure(const Error& error) {
  ReportError(error.message);
  return kExitSetupFailed;
}

}  // namespace nsdebug
