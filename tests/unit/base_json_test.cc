#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "base/json.h"

namespace nsdebug {
namespace {

using nlohmann::json;

TEST(BaseJsonTest, TakesIntegersThatFit) {
  EXPECT_EQ(JsonInteger<uint16_t>(json::parse("65535")), 65535);
  EXPECT_EQ(JsonInteger<int>(json::parse("-2147483648")), std::numeric_limits<int>::min());
  EXPECT_EQ(JsonInteger<uint64_t>(json::parse("18446744073709551615")),
            std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(JsonInteger<unsigned>(json(7)), 7U);
}

TEST(BaseJsonTest, RefusesEverythingElse) {
  EXPECT_THROW(JsonInteger<uint16_t>(json::parse("65536")), std::out_of_range);
  EXPECT_THROW(JsonInteger<uint64_t>(json::parse("-1")), std::out_of_range);
  EXPECT_THROW(JsonInteger<int64_t>(json::parse("9223372036854775808")), std::out_of_range);
  for (const char* text : {"1.0", "1.9", "1e3", "18446744073709551616", "1e400000000000", "true",
                           "\"1\"", "null", "[1]", "{}"}) {
    const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    EXPECT_THROW(JsonInteger<uint64_t>(value), std::out_of_range) << text;
  }
}

TEST(BaseJsonTest, BoundsTheDepth) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(ParseJson(nested(kMaxJsonDepth)).dump(), nested(kMaxJsonDepth));
  EXPECT_THROW(ParseJson(nested(kMaxJsonDepth + 2)), std::length_error);
  EXPECT_THROW(ParseJson(std::string(100'000, '[')), std::length_error);
  EXPECT_THROW(ParseJson("{"), json::parse_error);
}

}  // namespace
}  // namespace nsdebug
