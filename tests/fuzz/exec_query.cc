// The query of an exec, decoded: name=value&name=value.

#include "agent/exec/exec_request.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  QueryParameters query;
  for (const std::string_view part : Split(AsText(data, size), '&')) {
    const size_t end = part.find('=');
    query.emplace_back(part.substr(0, end),
                       end == std::string_view::npos ? "" : part.substr(end + 1));
  }
  Result<ExecRequest> request = ParseExecQuery(query, {});
  if (!request) {
    Require(request.error().code == Code::kInvalidArgument && IsUtf8(request.error().message));
    return 0;
  }
  Require(request->spec.profile != nullptr && CheckSpec(request->spec).has_value());
  Require(request->spec.deadline > std::chrono::milliseconds(0));
  Require(!(request->spec.tty && request->want_stderr));
  return 0;
}
