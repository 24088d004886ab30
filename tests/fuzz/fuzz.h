#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace nsdebug {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A property that holds for every input; libFuzzer keeps the one for which it does not.
inline void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace nsdebug

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
