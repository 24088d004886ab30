// What ns-enter says about its session; what we read of it, we write so that it reads the same.

#include "nsenter/session/report.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  Result<SessionEvent> event = DecodeEvent(AsText(data, size));
  if (!event) return 0;
  Result<SessionEvent> again = DecodeEvent(EncodeEvent(*event));
  Require(again.has_value());
  Require(again->kind == event->kind && again->command == event->command &&
          again->status == event->status && again->cause == event->cause &&
          again->failure.step == event->failure.step &&
          again->failure.exit_code == event->failure.exit_code &&
          again->failure.error.message == event->failure.error.message &&
          again->failure.error.error_number == event->failure.error.error_number);
  return 0;
}
