#include <gtest/gtest.h>

#include <string>

#include "kubectl/transport/port_forward_decoder.h"

namespace nsdebug::kubectl {
namespace {

using namespace std::string_literals;

class PortForwardDecoderTest : public testing::Test {
 protected:
  /// The data of a piece.
  std::string Take(std::string piece, bool message_done = true) {
    piece.resize(decoder_.Take(piece, message_done));
    return piece;
  }

  PortForwardDecoder decoder_;
};

TEST_F(PortForwardDecoderTest, LeavesOutChannelAndPort) {
  EXPECT_EQ(Take("\0\xfb\x20"s), "");
  EXPECT_EQ(Take("\1\xfb\x20"s), "");
  EXPECT_EQ(Take("\0some"s), "some");
  EXPECT_EQ(Take("\0 bytes"s), " bytes");
  EXPECT_FALSE(decoder_.is_broken());
}

TEST_F(PortForwardDecoderTest, TakesAPortThatComesWithTheDataOrInParts) {
  EXPECT_EQ(Take("\0\xfb"s, false), "");
  EXPECT_EQ(Take("\x20 data"s), " data");
}

TEST_F(PortForwardDecoderTest, AChannelMayComeAfterAnEmptyPiece) {
  EXPECT_EQ(Take("\0\xfb\x20"s), "");
  EXPECT_EQ(Take("\1\xfb\x20"s), "");
  // The piece is not one of the channel before.
  EXPECT_EQ(Take("", false), "");
  EXPECT_EQ(Take("\0data"s), "data");
  EXPECT_FALSE(decoder_.is_broken());
}

TEST_F(PortForwardDecoderTest, AnEmptyMessageIsNothing) {
  EXPECT_EQ(Take(""), "");
  EXPECT_EQ(Take("\0\xfb\x20 data"s), " data");
}

TEST_F(PortForwardDecoderTest, OtherChannelsAreNotOurs) {
  EXPECT_EQ(Take("\2 what"s), "");
  EXPECT_EQ(Take("\377"s), "");
  EXPECT_FALSE(decoder_.is_broken());
}

TEST_F(PortForwardDecoderTest, KeepsTheReasonOfSeveralPieces) {
  EXPECT_EQ(Take("\1\xfb\x20"s), "");
  EXPECT_EQ(Take("\1no po"s, false), "");
  EXPECT_EQ(Take("rt"), "");
  EXPECT_TRUE(decoder_.is_broken());
  EXPECT_EQ(decoder_.Reason(), "no port");
}

TEST_F(PortForwardDecoderTest, AReasonIsBoundedAndPrintable) {
  Take("\1\xfb\x20\x1b[2J"s);
  EXPECT_EQ(decoder_.Reason(), "\\x1b[2J");
  for (int i = 0; i < 100; ++i) Take("\1"s + std::string(100, 'x'));
  EXPECT_LT(decoder_.Reason().size(), 1200U);
}

}  // namespace
}  // namespace nsdebug::kubectl
