// What a server says on the status channel; what we read of it, we write so that it reads the same.

#include "remotecommand/exec_status.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  Result<ExecStatus> status = ParseExecStatus(AsText(data, size));
  if (!status) {
    Require(status.error().code == Code::kInternal);
    return 0;
  }
  Require(status->exit_code >= 0 && status->exit_code <= 255);
  Result<ExecStatus> again = ParseExecStatus(EncodeExecStatus(*status));
  // Escapes can make the text longer than we would read.
  if (!again) {
    Require(EncodeExecStatus(*status).size() > kMaxStatusBytes);
    return 0;
  }
  // What escapes have made longer is cut again.
  const bool is_cut = status->message.size() > kMaxStatusMessageBytes;
  Require(again->kind == status->kind && again->exit_code == status->exit_code &&
          (is_cut || again->message == status->message) && again->reason == status->reason &&
          again->http_code == status->http_code);
  return 0;
}
