// The agent's configuration file. It is its administrator's own, but whatever slips into it must
// come out as a problem of a line.

#include "agent/config/check.h"
#include "agent/config/config_file.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  Settings settings;
  const Problems problems = ReadConfigText(std::string(AsText(data, size)), "a.yaml", settings);
  // One more says how many there are beyond the bound.
  Require(problems.size() <= kMaxProblems + 1);
  for (const std::string& problem : problems) {
    Require(IsUtf8(problem) && problem.find('\n') == std::string::npos);
  }
  (void)CheckConfig(settings);
  return 0;
}
