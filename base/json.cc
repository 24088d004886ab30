#include "base/json.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace nsdebug {

using nlohmann::json;

json ParseJson(std::string_view text) {
  return json::parse(text, [](int depth, json::parse_event_t, const json&) {
    if (depth > kMaxJsonDepth) throw std::length_error("nested too deeply");
    return true;
  });
}

template <std::integral T>
T JsonInteger(const json& value) {
  bool fits = false;
  if (value.is_number_unsigned()) {
    fits = std::in_range<T>(value.get<json::number_unsigned_t>());
  } else if (value.is_number_integer()) {
    fits = std::in_range<T>(value.get<json::number_integer_t>());
  }
  if (!fits) throw std::out_of_range("a number is not an integer within its bounds");
  return value.get<T>();
}

template uint16_t JsonInteger<uint16_t>(const json& value);
template int32_t JsonInteger<int32_t>(const json& value);
template uint32_t JsonInteger<uint32_t>(const json& value);
template int64_t JsonInteger<int64_t>(const json& value);
template uint64_t JsonInteger<uint64_t>(const json& value);

}  // namespace nsdebug
