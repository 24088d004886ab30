// The message that starts a session, without its descriptors.

#include "nsenter/session/session_plan.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  Message message;
  message.bytes = AsText(data, size);
  Result<SessionPlan> plan = DecodeSessionPlan(std::move(message));
  if (!plan) return 0;
  Require(plan->spec.profile != nullptr && CheckSpec(plan->spec).has_value());
  Require(plan->spec.deadline >= std::chrono::milliseconds(0));
  return 0;
}
