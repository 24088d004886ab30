// The body of a one-shot exec.

#include "agent/exec/exec_request.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  Result<ExecRequest> request = ParseExecBody(AsText(data, size), {});
  if (!request) {
    Require(request.error().code == Code::kInvalidArgument && IsUtf8(request.error().message));
    return 0;
  }
  Require(request->spec.profile != nullptr && CheckSpec(request->spec).has_value());
  Require(!request->spec.command.empty() && !request->spec.tty);
  for (const std::string& word : request->spec.command) {
    Require(IsUtf8(word) && word.find('\0') == std::string::npos);
  }
  return 0;
}
