#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/base64.h"
#include "remotecommand/frame.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;
using Kind = FrameInput::Kind;

Subprotocol Speak(std::string_view name) {
  return Negotiate(std::vector<std::string>{std::string(name)}).value();
}

const std::string kCloseStdin("\xff\0", 2);

/// What a decoder makes of one message, cut into pieces of `size`.
struct Taken {
  std::string stdin_data;
  int ends = 0;
  std::vector<TerminalSize> sizes;
  std::string error;
};

Taken TakeAll(FrameDecoder* decoder, std::string_view message, size_t size) {
  Taken taken;
  do {
    const std::string_view piece = message.substr(0, size);
    message.remove_prefix(piece.size());
    Result<FrameInput> input = decoder->Take(piece, message.empty());
    if (!input) {
      taken.error = input.error().message;
      return taken;
    }
    if (input->kind == Kind::kStdin) taken.stdin_data += input->data;
    if (input->kind == Kind::kStdinEnd) ++taken.ends;
    if (input->kind == Kind::kResize) taken.sizes.push_back(input->size);
  } while (!message.empty());
  return taken;
}

Taken TakeWhole(FrameDecoder* decoder, std::string_view message) {
  return TakeAll(decoder, message, std::max<size_t>(message.size(), 1));
}

TEST(NegotiateTest, TheClientsOrderDecides) {
  const auto negotiated = [](std::vector<std::string> offered) { return Negotiate(offered); };
  EXPECT_EQ(negotiated({"v5.channel.k8s.io", "v4.channel.k8s.io"})->name, kV5);
  EXPECT_EQ(negotiated({"v4.channel.k8s.io", "v5.channel.k8s.io"})->name, kV4);
  EXPECT_EQ(negotiated({"channel.k8s.io", "v4.base64.channel.k8s.io"})->name, kV4Base64);
  EXPECT_TRUE(Speak(kV5).has_close_signal);
  EXPECT_FALSE(Speak(kV4).has_close_signal);
  EXPECT_TRUE(Speak(kV4Base64).base64);
}

TEST(NegotiateTest, NamesWhatIsSupportedAndNoneOfTheOffered) {
  Result<Subprotocol> none =
      Negotiate(std::vector<std::string>{"base64url.bearer.authorization.k8s.io.c2VjcmV0"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kInvalidArgument);
  EXPECT_EQ(none.error().message,
            "Sec-WebSocket-Protocol: none of those offered is supported: offer v5.channel.k8s.io, "
            "v4.channel.k8s.io or v4.base64.channel.k8s.io");
  EXPECT_THAT(Negotiate({}).error().message, HasSubstr("missing"));
}

TEST(FrameDecoderTest, StdinIsAViewIntoThePiece) {
  FrameDecoder decoder(Speak(kV5));
  const std::string message("\0hello", 6);
  Result<FrameInput> input = decoder.Take(message, true);
  ASSERT_TRUE(input);
  EXPECT_EQ(input->kind, Kind::kStdin);
  EXPECT_EQ(input->data, "hello");
  EXPECT_EQ(input->data.data(), message.data() + 1);
}

TEST(FrameDecoderTest, AMessageMayComeInAnyPieces) {
  const std::string plain("line\n\0\xff\1binary", 15);
  for (const std::string_view name : {kV5, kV4, kV4Base64}) {
    const std::string message = EncodeFrame(Speak(name), Channel::kStdin, plain);
    for (size_t size = 1; size <= message.size(); ++size) {
      FrameDecoder decoder(Speak(name));
      EXPECT_EQ(TakeAll(&decoder, message, size).stdin_data, plain) << name << " " << size;
      EXPECT_EQ(TakeAll(&decoder, message, size).stdin_data, plain) << "and again";
    }
  }
}

TEST(FrameDecoderTest, AnEmptyLastPieceEndsTheMessage) {
  FrameDecoder decoder(Speak(kV5));
  ASSERT_TRUE(decoder.Take(std::string_view("\0a", 2), false));
  EXPECT_EQ(decoder.Take("", true)->kind, Kind::kNothing);
  EXPECT_EQ(decoder.Take(std::string_view("\0b", 2), true)->data, "b");
}

TEST(FrameDecoderTest, IgnoresEmptyMessagesAndChannelsThatWeDoNotRead) {
  FrameDecoder decoder(Speak(kV5));
  for (const std::string& message :
       {std::string(), std::string(1, '\0'), std::string("\1out"), std::string("\2err"),
        std::string("\3status"), std::string("\7what"), std::string("\xfe"), std::string("\4")}) {
    EXPECT_EQ(decoder.Take(message, true)->kind, Kind::kNothing);
  }
  // The next piece is still the ignored channel's.
  EXPECT_EQ(decoder.Take("\7", false)->kind, Kind::kNothing);
  EXPECT_EQ(decoder.Take(std::string_view("\0a", 2), true)->kind, Kind::kNothing);
}

TEST(FrameDecoderTest, TheFirstCloseSignalEndsStdin) {
  for (const size_t size : {1u, 2u}) {
    FrameDecoder decoder(Speak(kV5));
    EXPECT_EQ(TakeAll(&decoder, kCloseStdin, size).ends, 1);
    EXPECT_EQ(TakeAll(&decoder, kCloseStdin, size).ends, 0);
    EXPECT_EQ(TakeWhole(&decoder, std::string_view("\0late", 5)).stdin_data, "");
    EXPECT_EQ(TakeWhole(&decoder, "\4{\"Width\":80,\"Height\":24}").sizes.size(), 1u);
  }
}

TEST(FrameDecoderTest, OtherChannelsMayBeClosedToo) {
  FrameDecoder decoder(Speak(kV5));
  const Taken taken = TakeWhole(&decoder, "\xff\4");
  EXPECT_EQ(taken.error, "");
  EXPECT_EQ(taken.ends, 0);
  EXPECT_EQ(TakeWhole(&decoder, std::string_view("\0a", 2)).stdin_data, "a");
}

TEST(FrameDecoderTest, ACloseSignalOfAnotherShapeIsAProtocolError) {
  for (const size_t size : {1u, 8u}) {
    for (const std::string& message : {std::string("\xff"), std::string("\xff\0\0", 3)}) {
      FrameDecoder decoder(Speak(kV5));
      EXPECT_THAT(TakeAll(&decoder, message, size).error, HasSubstr("two bytes"));
    }
    FrameDecoder decoder(Speak(kV5));
    EXPECT_THAT(TakeAll(&decoder, "\xff\5", size).error, HasSubstr("channel 5"));
  }
}

TEST(FrameDecoderTest, BeforeV5ThereIsNoCloseSignal) {
  for (const std::string_view name : {kV4, kV4Base64}) {
    FrameDecoder decoder(Speak(name));
    const Taken taken = TakeWhole(&decoder, kCloseStdin);
    EXPECT_EQ(taken.error, "");
    EXPECT_EQ(taken.ends, 0);
  }
}

TEST(FrameDecoderTest, Base64IsDecodedPieceByPiece) {
  FrameDecoder decoder(Speak(kV4Base64));
  EXPECT_EQ(decoder.Take("0Zm9vY", false)->data, "foo");
  EXPECT_EQ(decoder.Take("m", false)->kind, Kind::kNothing);
  EXPECT_EQ(decoder.Take("Fy", true)->data, "bar");
}

TEST(FrameDecoderTest, MalformedBase64IsAProtocolError) {
  for (const char* message : {"0Zm9", "0!!!!", "4e30"}) {
    FrameDecoder decoder(Speak(kV4Base64));
    const Result<FrameInput> input = decoder.Take(message, true);
    ASSERT_FALSE(input) << message;
    EXPECT_EQ(input.error().code, Code::kInvalidArgument);
    EXPECT_THAT(input.error().message, HasSubstr(fmt::format("channel {}: not base64", *message)));
  }
}

TEST(FrameDecoderTest, SizesAreReadFromEveryEncoding) {
  const TerminalSize size{132, 43};
  for (const std::string_view name : {kV5, kV4, kV4Base64}) {
    const std::string message = EncodeFrame(Speak(name), Channel::kResize, EncodeResize(size));
    for (size_t piece = 1; piece <= message.size(); ++piece) {
      FrameDecoder decoder(Speak(name));
      EXPECT_EQ(TakeAll(&decoder, message, piece).sizes, std::vector{size}) << name << piece;
    }
  }
}

TEST(FrameDecoderTest, MemoryDoesNotGrowWithTheMessage) {
  FrameDecoder decoder(Speak(kV4Base64));
  const std::string piece(4096, 'A');
  ASSERT_TRUE(decoder.Take("0", false));
  const char* buffer = nullptr;
  for (int i = 0; i < 1000; ++i) {
    const Result<FrameInput> input = decoder.Take(piece, false);
    ASSERT_EQ(input->data.size(), piece.size() / 4 * 3);
    if (buffer == nullptr) buffer = input->data.data();
    EXPECT_EQ(input->data.data(), buffer);
  }
}

TEST(EncodeFrameTest, PrefixesTheChannel) {
  EXPECT_EQ(EncodeFrame(Speak(kV5), Channel::kStdout, "out"), "\1out");
  EXPECT_EQ(EncodeFrame(Speak(kV4Base64), Channel::kStderr, "f"), "2Zg==");
  EXPECT_EQ(EncodeFrame(Speak(kV5), Channel::kStdout, ""), "\1");
  EXPECT_EQ(ChannelPrefix(Speak(kV5), Channel::kStatus), '\3');
  EXPECT_EQ(ChannelPrefix(Speak(kV4Base64), Channel::kStatus), '3');
  EXPECT_EQ(EncodeClose(Channel::kStdin), kCloseStdin);
}

}  // namespace
}  // namespace nsdebug
