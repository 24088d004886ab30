// Sizes of the terminal, whole and byte by byte: both must mean the same.

#include "remotecommand/resize.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nsdebug;
  const std::string_view text = AsText(data, size);
  const std::optional<TerminalSize> whole = ResizeParser().Take(text);
  std::optional<TerminalSize> last;
  ResizeParser parser;
  for (size_t i = 0; i < text.size(); ++i) {
    if (const auto found = parser.Take(text.substr(i, 1))) last = found;
  }
  Require(whole == last);
  if (whole) Require(whole->columns > 0 && whole->rows > 0);
  return 0;
}
