#include <gtest/gtest.h>

#include <string>

#include "kubectl/exec/session_output.h"

namespace nsdebug::kubectl {
namespace {

TEST(SessionOutputTest, OnlyTheFirstByteOfAMessageIsItsChannel) {
  SessionOutput output;
  Result<SessionOutput::Piece> piece = output.Take("\1ab", false);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->channel, Channel::kStdout);
  EXPECT_EQ(piece->data, "ab");
  EXPECT_EQ(output.Take("\2cd", true)->data, "\2cd");
  piece = output.Take("\2ef", true);
  EXPECT_EQ(piece->channel, Channel::kStderr);
  EXPECT_EQ(piece->data, "ef");
}

TEST(SessionOutputTest, TheStatusIsPutTogetherAndIsNoOutput) {
  SessionOutput output;
  EXPECT_EQ(output.Take("\3{\"status\":", false)->data, "");
  EXPECT_EQ(output.Take("\"Failure\",\"code\":404}", true)->data, "");
  EXPECT_EQ(output.Status()->http_code, 404);
}

TEST(SessionOutputTest, ChannelsThatAreNoOutputAreLeftOut) {
  SessionOutput output;
  EXPECT_EQ(output.Take("", true)->data, "");
  EXPECT_EQ(output.Take("\4{}", true)->data, "");
  EXPECT_EQ(output.Take("\x7fx", true)->data, "");
  EXPECT_EQ(output.Status()->kind, ExecStatus::Kind::kSuccess);
}

TEST(SessionOutputTest, AStatusWithoutEndIsRefused) {
  SessionOutput output;
  ASSERT_TRUE(output.Take("\3" + std::string(kMaxStatusBytes, ' '), false));
  EXPECT_FALSE(output.Take(" ", false));
}

}  // namespace
}  // namespace nsdebug::kubectl
