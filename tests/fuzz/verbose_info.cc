// The JSON that a runtime tells beside a status.

#include "cri/verbose_info.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  const std::string text(AsText(data, size));
  for (const char* key : {"info", "pid"}) {
    Result<cri::VerboseInfo> info = cri::ParseVerboseInfo("status", {{key, text}});
    if (info) {
      Require(info->pid >= 0);
    } else {
      Require(info.error().code == Code::kInternal);
    }
  }
  return 0;
}
