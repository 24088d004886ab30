#pragma once

#include <concepts>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace nsdebug {

/// Deeper than any document that is read here. The JSON library reads any depth without recursion,
/// but copies and writes values with it: one small message would exhaust the stack.
inline constexpr int kMaxJsonDepth = 64;

/// Parses a document from elsewhere. Throws nlohmann::json::parse_error, or std::length_error for
/// one that is nested deeper than kMaxJsonDepth.
nlohmann::json ParseJson(std::string_view text);

/// The value as an integer: of 32 or 64 bits, or uint16_t. Throws std::out_of_range for everything
/// else, a number with a fraction or an exponent included: the library itself would convert any
/// number to any type, which for a large one is undefined behaviour and for others another number.
template <std::integral T>
T JsonInteger(const nlohmann::json& value);

}  // namespace nsdebug
