#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/auth/bearer.h"

namespace nsdebug {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kPrefix = "base64url.bearer.authorization.k8s.io.";

TEST(BearerTest, ReadsTheTokenOfAHeader) {
  for (const char* value : {"Bearer abc.def", "bearer abc.def", "BEARER   abc.def  "}) {
    auto token = BearerFromHeader(value);
    ASSERT_TRUE(token && *token) << value;
    EXPECT_EQ(**token, "abc.def") << value;
  }
}

TEST(BearerTest, AnEmptyHeaderIsNoToken) {
  for (const char* value : {"", "   "}) {
    auto token = BearerFromHeader(value);
    ASSERT_TRUE(token) << token.error().message;
    EXPECT_FALSE(*token);
  }
}

TEST(BearerTest, RefusesMalformedHeadersWithoutRepeatingThem) {
  for (const std::string& value :
       {std::string("x"), std::string("Basic c2VjcmV0"), std::string("Bearer"),
        std::string("Bearer "), std::string("Bearer secret secret"), std::string("Bearersecret"),
        std::string("Bearer secret\x01"), std::string("Bearer secret\0", 14),
        "Bearer secret" + std::string(kMaxTokenBytes, 'x'), std::string("Bearer secret\xff")}) {
    auto token = BearerFromHeader(value);
    ASSERT_FALSE(token) << value.substr(0, 40);
    EXPECT_EQ(token.error().code, Code::kUnauthenticated);
    EXPECT_THAT(token.error().message, Not(HasSubstr("ecret")));
  }
}

TEST(BearerTest, TakesTheTokenOutOfTheSubprotocols) {
  for (const auto& [encoded, expected] :
       {std::pair("YWJjLmRlZg", "abc.def"), std::pair("YWJj", "abc"), std::pair("fn5-fw", ""),
        std::pair("YWI_", "ab?"), std::pair("YQ", "a")}) {
    std::vector<std::string> offered = {"v5.channel.k8s.io", kPrefix + encoded};
    auto token = BearerFromSubprotocols(offered);
    EXPECT_THAT(offered, ElementsAre("v5.channel.k8s.io"));
    if (*expected == '\0') {
      EXPECT_FALSE(token);  // it decodes to a byte that no token has
      continue;
    }
    ASSERT_TRUE(token && *token) << encoded;
    EXPECT_EQ(**token, expected);
  }
}

TEST(BearerTest, LeavesSubprotocolsWithoutATokenAlone) {
  std::vector<std::string> offered = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
  auto token = BearerFromSubprotocols(offered);
  ASSERT_TRUE(token);
  EXPECT_FALSE(*token);
  EXPECT_EQ(offered.size(), 2u);
}

TEST(BearerTest, RefusesMalformedSubprotocolsAndRemovesThem) {
  for (const char* encoded : {"", "YWJj=", "YWJjZ", "YW Jj", "YWJj+/", "YR", "!!!!"}) {
    std::vector<std::string> offered = {kPrefix + encoded, "v5.channel.k8s.io"};
    auto token = BearerFromSubprotocols(offered);
    ASSERT_FALSE(token) << encoded;
    EXPECT_EQ(token.error().code, Code::kUnauthenticated);
    EXPECT_THAT(offered, ElementsAre("v5.channel.k8s.io"));
  }
}

TEST(BearerTest, RefusesTwoTokensAndATokenAlone) {
  std::vector<std::string> two = {kPrefix + "YWJj", kPrefix + "YWJk", "v5.channel.k8s.io"};
  EXPECT_THAT(BearerFromSubprotocols(two).error().message, HasSubstr("more than one"));
  EXPECT_THAT(two, ElementsAre("v5.channel.k8s.io"));
  std::vector<std::string> alone = {kPrefix + "YWJj"};
  EXPECT_THAT(BearerFromSubprotocols(alone).error().message, HasSubstr("at least one besides"));
}

}  // namespace
}  // namespace nsdebug
